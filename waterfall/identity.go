package waterfall

import (
	"slices"

	"github.com/sluicehq/sluice/account"
)

// Identity is who a provider's answer says it is about. Empty fields say nothing.
type Identity struct {
	Name    string
	Domain  string // as the provider writes it
	Aliases []string
}

// SameCompany is the identity gate: it reports whether an answer is about acc. A
// domain decides where both have one, since providers are asked by domain and
// names are shared; the names do where the account has no domain. An answer that
// does not say what decides is taken at its word.
func SameCompany(acc account.Account, said Identity) bool {
	if acc.Domain != "" && said.Domain != "" {
		return slices.ContainsFunc(append([]string{said.Domain}, said.Aliases...), func(d string) bool {
			domain, err := account.NormalizeDomain(d)
			return err == nil && domain == acc.Domain
		})
	}
	if acc.Domain == "" && acc.Name != "" && said.Name != "" {
		return account.SameName(acc.Name, said.Name)
	}
	return true
}
