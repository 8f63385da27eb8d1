package account

import "slices"

// Field names an attribute of an account, or of a contact at one.
type Field string

// The fields that providers fill and models may score.
const (
	Name            Field = "name"
	Domain          Field = "domain"
	LinkedInURL     Field = "linkedin_url" // linkedin.com/company/slug, no scheme
	Description     Field = "description"
	Industry        Field = "industry"      // a word of account/vocabulary
	Employees       Field = "employees"     // head count
	RevenueUSD      Field = "revenue_usd"   // a year
	Country         Field = "country"       // ISO 3166-1 alpha-2
	State           Field = "state"         // as the provider writes it
	City            Field = "city"          // as the provider writes it
	Technologies    Field = "technologies"  // words of account/vocabulary, sorted
	FoundedYear     Field = "founded_year"  //
	FundingStage    Field = "funding_stage" // pre_seed, seed, series_a …
	FundingTotalUSD Field = "funding_total_usd"
	LastFundingAt   Field = "last_funding_at"
	CompanyType     Field = "company_type"   // private, public, nonprofit, education, government
	CompanyStatus   Field = "company_status" // active, closed, acquired
	BusinessModel   Field = "business_model" // b2b, b2c, saas …
	IsHiring        Field = "is_hiring"      // whether it has openings at all
	Tags            Field = "tags"
)

// The fields that only people and CRMs know.
const (
	ChampionHasBudget  Field = "champion_has_budget"
	ProcurementComplex Field = "procurement_complex"
	PreviouslyChurned  Field = "previously_churned"
)

// The fields of a contact: of a person at an account, not of the account.
const (
	Department      Field = "department"       // a word of account/vocabulary
	ManagementLevel Field = "management_level" // a word of account/vocabulary
	JobTitle        Field = "job_title"        // as the CRM has it
	BudgetAuthority Field = "budget_authority" // whether the person decides on a budget
)

var contactFields = []Field{Department, ManagementLevel, JobTitle, BudgetAuthority}

// OfContact reports whether f says something about a person at an account.
func (f Field) OfContact() bool { return slices.Contains(contactFields, f) }

var kinds = map[Field]Kind{
	Name: TextKind, Domain: TextKind, LinkedInURL: TextKind, Description: TextKind,
	Industry: TextKind, Employees: NumberKind, RevenueUSD: NumberKind,
	Country: TextKind, State: TextKind, City: TextKind, Technologies: ListKind,
	FoundedYear: NumberKind, FundingStage: TextKind, FundingTotalUSD: NumberKind,
	LastFundingAt: DateKind, CompanyType: TextKind, CompanyStatus: TextKind, IsHiring: BoolKind,
	BusinessModel: ListKind, Tags: ListKind,
	ChampionHasBudget: BoolKind, ProcurementComplex: BoolKind, PreviouslyChurned: BoolKind,
	Department: TextKind, ManagementLevel: TextKind, JobTitle: TextKind, BudgetAuthority: BoolKind,
}

// Kind returns the kind of value that f holds; false for a field that is not ours.
func (f Field) Kind() (Kind, bool) {
	k, ok := kinds[f]
	return k, ok
}

// Fields returns every known field, sorted.
func Fields() []Field {
	all := make([]Field, 0, len(kinds))
	for f := range kinds {
		all = append(all, f)
	}
	slices.Sort(all)
	return all
}
