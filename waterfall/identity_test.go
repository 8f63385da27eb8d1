package waterfall_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/waterfall"
)

func TestSameCompany(t *testing.T) {
	t.Parallel()
	acme := account.Account{Domain: "acme.com", Name: "Acme, Inc."}
	nameless, domainless := account.Account{Domain: "acme.com"}, account.Account{Name: "Acme, Inc."}
	tests := []struct {
		name string
		acc  account.Account
		give waterfall.Identity
		want bool
	}{
		{name: "the same domain is", acc: acme, give: waterfall.Identity{Domain: "acme.com"}, want: true},
		{name: "a domain is normalised before", acc: acme, give: waterfall.Identity{Domain: "HTTPS://WWW.Acme.com:443/about?x=1"}, want: true},
		{name: "a sub-domain belongs to it", acc: acme, give: waterfall.Identity{Domain: "eu.shop.acme.com"}, want: true},
		{name: "another domain is not", acc: acme, give: waterfall.Identity{Domain: "globex.com"}},
		{name: "another top-level domain is not", acc: acme, give: waterfall.Identity{Domain: "acme.io"}},
		{name: "a domain that merely ends the same is not", acc: acme, give: waterfall.Identity{Domain: "notacme.com"}},
		{name: "a domain that merely begins the same is not", acc: acme, give: waterfall.Identity{Domain: "acme.com.globex.com"}},
		{name: "a page on somebody else's site is not", acc: acme, give: waterfall.Identity{Domain: "linkedin.com/company/acme"}},
		{name: "an alias is", acc: acme, give: waterfall.Identity{Domain: "globex.com", Aliases: []string{"globex.net", "www.acme.com"}}, want: true},
		{name: "an alias that is no domain says nothing", acc: acme, give: waterfall.Identity{Domain: "globex.com", Aliases: []string{"", "n/a"}}},
		{name: "the domain decides, though the name is the same", acc: acme, give: waterfall.Identity{Name: "Acme", Domain: "globex.com"}},
		{name: "the domain decides, though the name is another", acc: acme, give: waterfall.Identity{Name: "Globex", Domain: "acme.com"}, want: true},
		{name: "who was asked by domain and tells only a name is taken at their word", acc: acme, give: waterfall.Identity{Name: "Globex"}, want: true},
		{name: "an account without a name has its domain", acc: nameless, give: waterfall.Identity{Name: "Globex", Domain: "acme.com"}, want: true},
		{name: "without a domain the same name is", acc: domainless, give: waterfall.Identity{Name: "ACME Group", Domain: "acme.com"}, want: true},
		{name: "without a domain another name is not", acc: domainless, give: waterfall.Identity{Name: "Acme Robotics", Domain: "acme.com"}},
		{name: "names decide where neither has a domain", acc: domainless, give: waterfall.Identity{Name: "Globex"}},
		{name: "without a domain an answer that tells no name is taken at its word", acc: domainless, give: waterfall.Identity{Domain: "globex.com"}, want: true},
		{name: "an answer that says nothing is taken at its word", acc: acme, want: true},
		{name: "nothing said about nothing is no contradiction", want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, waterfall.SameCompany(tt.acc, tt.give))
		})
	}
}
