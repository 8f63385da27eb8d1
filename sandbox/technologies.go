package sandbox

import (
	"strings"
	"unicode"
)

// technology is how the vendors name one of our words.
type technology struct {
	word     string
	name     string // Apollo's, and BuiltWith's parent
	category string // Apollo's and BuiltWith's
	slug     string // Clearbit's; Hunter writes it with hyphens
	kind     string // Clearbit's category
	product  string // BuiltWith's, where it reports a part of the whole
	tag      string // BuiltWith's
	snippet  string // what a home page shows of it; "" where it shows nothing
}

var technologies = []technology{
	{"hubspot", "HubSpot", "Marketing Automation", "hubspot", "marketing_automation", "HubSpot Forms", "widgets", `<script id="hs-script-loader" async defer src="//js.hs-scripts.com/4120711.js"></script>`},
	{"salesforce", "Salesforce", "Customer Relationship Management", "salesforce", "crm", "Salesforce Web-to-Lead", "widgets", `<form action="https://webto.salesforce.com/servlet/servlet.WebToLead?encoding=UTF-8" method="POST"><input type="hidden" name="oid" value="00D000000000001"></form>`},
	{"marketo", "Marketo", "Marketing Automation", "marketo", "marketing_automation", "", "analytics", `<script src="//munchkin.marketo.net/munchkin.js"></script>`},
	{"pardot", "Pardot", "Marketing Automation", "pardot", "marketing_automation", "", "analytics", `<script src="https://pi.pardot.com/pd.js"></script>`},
	{"mailchimp", "MailChimp", "Email Marketing", "mailchimp", "email_marketing", "", "mx", `<form action="https://example.us1.list-manage.com/subscribe/post?u=0&amp;id=0" method="post"></form>`},
	{"activecampaign", "ActiveCampaign", "Marketing Automation", "activecampaign", "marketing_automation", "", "widgets", `<script src="https://diffuser-cdn.app-us1.com/diffuser/diffuser.js"></script>`},
	{"klaviyo", "Klaviyo", "Email Marketing", "klaviyo", "email_marketing", "", "widgets", `<script async src="https://static.klaviyo.com/onsite/js/klaviyo.js?company_id=ABC123"></script>`},
	{"pipedrive", "Pipedrive", "Customer Relationship Management", "pipedrive", "crm", "", "widgets", `<script src="https://webforms.pipedrive.com/f/loader"></script>`},
	{"zoho-crm", "Zoho CRM", "Customer Relationship Management", "zoho_crm", "crm", "", "widgets", `<form action="https://crm.zoho.com/crm/WebToLeadForm" method="POST"></form>`},
	{"intercom", "Intercom", "Customer Support", "intercom", "live_chat", "", "widgets", `<script src="https://widget.intercom.io/widget/abc123"></script>`},
	{"drift", "Drift", "Chats", "drift", "live_chat", "", "widgets", `<script src="https://js.driftt.com/include/1/abc.js"></script>`},
	{"zendesk", "Zendesk", "Customer Support", "zendesk", "help_desk", "Zendesk Web Widget", "widgets", `<script id="ze-snippet" src="https://static.zdassets.com/ekr/snippet.js?key=0"></script>`},
	{"freshdesk", "Freshdesk", "Customer Support", "freshdesk", "help_desk", "", "widgets", `<script src="https://widget.freshworks.com/widgets/1.js" async defer></script>`},
	{"google-analytics", "Google Analytics", "Analytics and Tracking", "google_analytics", "analytics", "Google Analytics 4", "analytics", `<script async src="https://www.googletagmanager.com/gtag/js?id=G-ABC1234567"></script>`},
	{"google-tag-manager", "Google Tag Manager", "Tag Management", "google_tag_manager", "tag_management", "", "widgets", `<script src="https://www.googletagmanager.com/gtm.js?id=GTM-ABC123"></script>`},
	{"segment", "Segment.io", "Customer Data Platform", "segment", "analytics", "Segment", "analytics", `<script src="https://cdn.segment.com/analytics.js/v1/abc/analytics.min.js"></script>`},
	{"hotjar", "Hotjar", "Analytics and Tracking", "hotjar", "coversion_optimization", "", "analytics", `<script src="https://static.hotjar.com/c/hotjar-100000.js?sv=6"></script>`},
	{"linkedin-insight-tag", "Linkedin Marketing Solutions", "Advertising Networks", "linkedin_ads", "advertising", "LinkedIn Insights", "ads", `<script src="https://snap.licdn.com/li.lms-analytics/insight.min.js"></script>`},
	{"facebook-pixel", "Facebook Custom Audiences", "Advertising Networks", "facebook_advertiser", "advertising", "Facebook Pixel", "ads", `<script src="https://connect.facebook.net/en_US/fbevents.js"></script>`},
	{"wordpress", "WordPress.org", "CMS", "wordpress", "website_hosting", "WordPress", "cms", `<link rel="stylesheet" href="/wp-content/themes/plain/style.css">`},
	{"webflow", "Webflow", "CMS", "webflow", "website_hosting", "", "cms", `<script src="https://assets.website-files.com/0/js/webflow.js"></script>`},
	{"shopify", "Shopify", "E-commerce Platforms", "shopify", "ecommerce", "", "shop", `<script src="https://cdn.shopify.com/s/files/1/0000/0001/t/1/assets/theme.js"></script>`},
	{"woocommerce", "WooCommerce", "E-commerce Platforms", "woo_commerce", "ecommerce", "", "shop", `<link rel="stylesheet" href="/wp-content/plugins/woocommerce/assets/css/woocommerce.css">`},
	{"magento", "Magento", "E-commerce Platforms", "magento", "ecommerce", "", "shop", `<script type="text/x-magento-init">{}</script><script src="/static/frontend/Magento/luma/en_US/mage/mage.js"></script>`},
	{"stripe", "Stripe", "Payments", "stripe", "payment", "", "payment", `<script src="https://js.stripe.com/v3/"></script>`},
	{"calendly", "Calendly", "Scheduling", "calendly", "productivity", "", "widgets", `<script src="https://assets.calendly.com/assets/external/widget.js"></script>`},
	{"typeform", "Typeform", "Survey", "typeform", "forms", "", "widgets", `<script src="https://embed.typeform.com/next/embed.js"></script>`},
	{"datadog", "DataDog", "Monitoring", "datadog", "monitoring", "Datadog", "analytics", `<script src="https://www.datadoghq-browser-agent.com/us1/v5/datadog-rum.js"></script>`},
	{"cloudflare", "CloudFlare Hosting", "Hosting", "cloudflare", "dns", "Cloudflare", "cdn", `<script src="/cdn-cgi/scripts/5c5dd728/cloudflare-static/email-decode.min.js"></script>`},
	{"aws", "Amazon AWS", "Hosting", "amazon_web_services", "website_hosting", "Amazon", "hosting", `<img alt="" src="https://brand-assets.s3.amazonaws.com/logo.png">`},
	{"react", "React", "Frameworks and Programming Languages", "react", "javascript_framework", "", "javascript", `<div id="root" data-reactroot=""></div>`},
	{"nextjs", "Next.js", "Frameworks and Programming Languages", "next_js", "javascript_framework", "", "framework", `<script id="__NEXT_DATA__" type="application/json">{"page":"/"}</script><script src="/_next/static/chunks/main.js"></script>`},
	{"google-workspace", "Google Apps", "Email Providers", "google_apps", "productivity", "Google Apps for Business", "mx", ""},
	{"microsoft-365", "Microsoft Office 365", "Email Providers", "microsoft_office_365", "productivity", "Office 365 Mail", "mx", ""},
	{"slack", "Slack", "Collaboration", "slack", "productivity", "", "widgets", ""},
	{"snowflake", "Snowflake", "Data Warehouses", "snowflake", "data_warehouse", "", "hosting", ""},
}

// techBySpelling finds a technology by any name that is in the table, folded.
var techBySpelling = func() map[string]technology {
	m := map[string]technology{}
	for _, t := range technologies {
		for _, spelling := range []string{t.product, t.slug, t.name, t.word} {
			m[fold(spelling)] = t
		}
	}
	delete(m, "")
	return m
}()

// techOf returns the vendors' names for a technology; an unknown one keeps its own,
// and shows on no home page.
func techOf(word string) technology {
	if t, ok := techBySpelling[fold(word)]; ok {
		return t
	}
	slug := strings.Join(strings.FieldsFunc(strings.ToLower(word), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
	return technology{word: word, name: word, category: "Other", slug: slug, kind: "other", tag: "widgets"}
}

// techWords brings names to our words, where we have one.
func techWords(names []string) []string {
	var words []string
	for _, name := range names {
		words = append(words, techOf(name).word)
	}
	return words
}

// fold leaves the letters and digits of s, in lower case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
