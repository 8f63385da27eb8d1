package website

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/sluicehq/sluice/account/vocabulary"
)

// Bounds of what is kept of one page.
const (
	maxScripts = 2000      // addresses
	maxInline  = 512 << 10 // bytes of script in the page
	maxVisible = 64 << 10  // bytes of text
	maxData    = 100       // schema.org blocks
)

// page is what rules and readers look at. It comes from a tokenizer and not from a
// tree, which hostile nesting could make slow: nothing here needs the structure.
type page struct {
	html    string
	title   string
	metas   map[string][]string // by lower-case name or property
	sources []string            // addresses of scripts
	inline  strings.Builder     // the scripts in the page
	data    []string            // schema.org data, as JSON
	links   []string
	visible strings.Builder // the text that people read, title included
}

func parsePage(text string) *page {
	p := &page{html: text, metas: map[string][]string{}}
	z := html.NewTokenizer(strings.NewReader(text))
	var in element
	for {
		switch z.Next() {
		case html.ErrorToken:
			return p
		case html.StartTagToken, html.SelfClosingTagToken:
			in = p.open(z)
		case html.EndTagToken:
			in = element{}
		case html.TextToken:
			p.text(in, z.Text())
		}
	}
}

// element is the last one that began, as far as its text matters.
type element struct {
	tag  atom.Atom
	kind string // type of a script
}

func (p *page) open(z *html.Tokenizer) element {
	name, more := z.TagName()
	in := element{tag: atom.Lookup(name)}
	switch in.tag {
	case atom.Script, atom.Meta, atom.A, atom.Link:
	default:
		return in
	}
	attr := map[string]string{}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, twice := attr[string(key)]; !twice { // of two, browsers take the first
			attr[string(key)] = string(value)
		}
	}
	p.element(in.tag, attr)
	in.kind = strings.ToLower(strings.TrimSpace(attr["type"]))
	return in
}

func (p *page) element(tag atom.Atom, attr map[string]string) {
	switch tag {
	case atom.Script:
		p.source(attr["src"])
		p.source(attr["data-src"]) // held back until the visitor consents
	case atom.Link:
		if strings.EqualFold(attr["as"], "script") || strings.EqualFold(attr["rel"], "modulepreload") {
			p.source(attr["href"])
		}
	case atom.A:
		if href := attr["href"]; href != "" && len(p.links) < maxScripts {
			p.links = append(p.links, href)
		}
	case atom.Meta:
		for _, key := range []string{"name", "property", "itemprop", "http-equiv"} {
			if name := strings.ToLower(strings.TrimSpace(attr[key])); name != "" && len(p.metas) < maxScripts {
				p.metas[name] = append(p.metas[name], attr["content"])
			}
		}
	}
}

func (p *page) source(address string) {
	if address = strings.TrimSpace(address); address != "" && len(p.sources) < maxScripts {
		p.sources = append(p.sources, address)
	}
}

func (p *page) text(in element, text []byte) {
	switch {
	case in.tag == atom.Script && strings.HasPrefix(in.kind, "application/ld+json"):
		if len(p.data) < maxData {
			p.data = append(p.data, string(text))
		}
	case in.tag == atom.Script:
		if p.inline.Len()+len(text) <= maxInline {
			p.inline.Write(text)
			p.inline.WriteByte('\n')
		}
	case in.tag == atom.Style, in.tag == atom.Noscript, in.tag == atom.Template:
	default:
		s := strings.Join(strings.Fields(string(text)), " ")
		if in.tag == atom.Title && p.title == "" {
			p.title = s
		}
		if s != "" && p.visible.Len()+len(s) <= maxVisible {
			p.visible.WriteString(s)
			p.visible.WriteByte(' ')
		}
	}
}

// meta is the first that says something.
func (p *page) meta(name string) string {
	for _, content := range p.metas[name] {
		if content = strings.TrimSpace(content); content != "" {
			return content
		}
	}
	return ""
}

// linkedIn is the company page that the page links to, if it is one only: partners,
// customers and investors have theirs.
func (p *page) linkedIn() string {
	var found []string
	for _, link := range p.links {
		if !strings.Contains(strings.ToLower(link), "linkedin.com/") {
			continue
		}
		if company := vocabulary.LinkedIn(link); company != "" && !slices.Contains(found, company) {
			found = append(found, company)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// parkedPhrases are what registrars, hosts and bot checks write on a page that is
// not the company's.
var parkedPhrases = []string{
	"this domain is for sale", "domain is for sale", "domain may be for sale", "domain name is for sale", "domain for sale", "buy this domain",
	"this domain is available for purchase", "make an offer on this domain", "inquire about this domain", "get this domain", "is parked free",
	"domain is parked", "parked domain", "domain parking", "this domain has expired", "domain name has expired", "this domain was recently registered",
	"this domain has been registered", "domain is registered but may still be available", "future home of something quite cool",
	"this site is under construction", "website coming soon", "this account has been suspended", "account suspended",
	"welcome to nginx!", "apache2 ubuntu default page", "apache2 debian default page", "apache is functioning normally", "iis windows server",
	"default web site page", "default plesk page", "web server's default page", "placeholder page", "there is no website configured at this address",
	"checking your browser before accessing", "attention required! | cloudflare", "just a moment...", "verify you are human", "pardon our interruption",
	"request unsuccessful. incapsula",
}

// parkedSources are where pages of domain parks load their content from.
var parkedSources = []string{
	"sedoparking.com", "parkingcrew.net", "bodis.com", "parklogic.com", "above.com/", "parkweb", "cdn-fileserver.com/park", "img1.wsimg.com/parking-lander",
	"dsparking", "d38psrni17bvxu.cloudfront.net",
}

// parkedHosts are markets that domains for sale redirect to.
var parkedHosts = []string{"hugedomains.com", "dan.com", "afternic.com", "sedo.com", "undeveloped.com", "buydomains.com", "domainmarket.com", "parkingcrew.net", "bodis.com"}

// shortPage is how much text, in bytes, such a page has at most: a longer one that
// says "for sale" is a broker's own, or an article.
const shortPage = 3000

// parked reports whether the page is a stand-in and not a company's own. Markets for
// domains and parks are companies, too: their own home pages are long.
func (p *page) parked(host string) bool {
	if p.visible.Len() > shortPage {
		return false
	}
	for _, market := range parkedHosts {
		if host == market || strings.HasSuffix(host, "."+market) {
			return true
		}
	}
	said := strings.ToLower(p.visible.String())
	if slices.ContainsFunc(parkedPhrases, func(phrase string) bool { return strings.Contains(said, phrase) }) {
		return true
	}
	return slices.ContainsFunc(p.sources, func(source string) bool {
		return slices.ContainsFunc(parkedSources, func(park string) bool { return strings.Contains(strings.ToLower(source), park) })
	})
}
