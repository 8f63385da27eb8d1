package vocabulary_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account/vocabulary"
)

func TestJobTitles(t *testing.T) {
	t.Parallel()
	tests := []struct{ title, wantLevel, wantDepartment string }{
		// Chiefs, founders and owners, however they are written.
		{"CEO", "c-level", ""},
		{"C.E.O.", "c-level", ""},
		{"ceo & founder", "c-level", ""},
		{"Co-Founder", "c-level", ""},
		{"Chief Marketing Officer", "c-level", "marketing"},
		{"CMO", "c-level", "marketing"},
		{"Chief Product & Technology Officer", "c-level", "product"},
		{"Chief Information Security Officer (CISO)", "c-level", "it"},
		{"Interim CFO", "c-level", "finance"},
		{"Managing Director", "c-level", ""},
		{"Managing Partner", "c-level", ""},
		{"Partner", "c-level", ""},
		{"President, EMEA", "c-level", ""},
		{"Owner", "c-level", ""},
		{"Geschäftsführer", "c-level", ""},
		{"GESCHÄFTSFÜHRERIN Vertrieb", "c-level", "sales"},
		{"Directrice générale", "c-level", ""},
		{"Founder & Sales Manager", "c-level", "sales"},
		{"Sales Manager, Founder", "c-level", "sales"},

		// Those who work for them are not them.
		{"Assistant to the CEO", "staff", "administration"},
		{"Executive Assistant to the CEO and CFO", "staff", "administration"},
		{"Assistant to the CEO, CFO and COO", "staff", "administration"},
		{"Personal Assistant, Managing Director", "staff", "administration"},
		{"EA to CMO & CEO", "staff", ""},
		{"CEO's Assistant", "staff", "administration"},
		{"Founder's Associate", "staff", ""},
		{"Founding Engineer", "staff", "engineering"},
		{"Advisor to the CTO & CEO", "staff", "engineering"},
		{"Manager, Office of the CEO", "manager", ""},
		{"CEO Office Manager", "manager", "administration"},
		{"CRO Manager", "manager", "sales"},
		{"CTO Advisory Analyst", "staff", "engineering"},
		{"Product Owner", "staff", "product"},
		{"HR Business Partner", "staff", "human-resources"},
		{"Senior Partner Manager", "manager", ""},
		{"Former CEO", "", ""},
		{"ex-CTO and founder", "", "engineering"},
		{"Sales Representative, former CEO", "staff", "sales"},
		{"Aspiring Chief Technology Officer", "", "engineering"},

		// The middle.
		{"VP Sales", "vp", "sales"},
		{"V.P., Marketing", "vp", "marketing"},
		{"Vice President", "vp", ""},
		{"Vice-President of Engineering", "vp", "engineering"},
		{"SVP, Global Revenue Operations", "vp", "sales"},
		{"Executive Vice President & General Manager", "vp", ""},
		{"Associate Vice President", "director", ""},
		{"Director of Sales & Marketing", "director", "sales"},
		{"Marketing Director", "director", "marketing"},
		{"Head of IT", "director", "it"},
		{"Head of Demand Generation", "director", "marketing"},
		{"Leiter Vertrieb", "director", "sales"},
		{"Vertriebsleiterin", "director", "sales"},
		{"Chief of Staff", "director", ""},
		{"Assistant Director", "manager", ""},
		{"Deputy Marketing Director", "manager", "marketing"},
		{"IT Manager", "manager", "it"},
		{"it manager", "manager", "it"},
		{"Product Marketing Manager", "manager", "marketing"},
		{"Engineering Manager", "manager", "engineering"},
		{"Team Lead, Customer Success", "manager", "customer-success"},
		{"Teamleiter Einkauf", "manager", "procurement"},
		{"Jefa de Marketing", "manager", "marketing"},
		{"Assistant Manager", "staff", ""},

		// Those who lead nobody.
		{"Sales Director Assistant", "staff", "sales"},
		{"Account Executive", "staff", "sales"},
		{"Lead Engineer", "staff", "engineering"},
		{"Lead Generation Specialist", "staff", ""},
		{"Marketing Coordinator", "staff", "marketing"},
		{"Compliance Officer", "staff", "legal"},
		{"Art Director", "staff", ""},
		{"Student", "staff", ""},
		{"account_manager", "manager", "sales"},
		{"information_technology", "", "it"},

		// What does not tell.
		{"", "", ""},
		{" – ", "", ""},
		{"Chief Architect", "staff", "engineering"},
		{"Chief Happiness", "", ""},
		{"Non-Executive Director", "", ""},
		{"Wizard of Light Bulb Moments", "", ""},
		{"Make it happen", "", ""},
		{"Directory Services", "", ""},
		{"Headhunter", "", ""},
		{"Presidential Scholar", "", ""},
		{"部長", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.title, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.wantLevel, vocabulary.ManagementLevel(tt.title), "level")
			require.Equal(t, tt.wantDepartment, vocabulary.Department(tt.title), "department")
		})
	}
}

func FuzzJobTitle(f *testing.F) {
	for _, title := range []string{
		"CEO", "Assistant to the CEO", "VP of Sales & Marketing", "C.E.O.'s - assistant (EA)", "Chief Product & Technology Officer",
		"ex-CTO and founder", "\xff\xfe", "..", "'", "chief chief officer officer", "of", "office of",
	} {
		f.Add(title)
	}
	f.Fuzz(func(t *testing.T, title string) {
		level, department := vocabulary.ManagementLevel(title), vocabulary.Department(title)
		if level != "" {
			require.Contains(t, vocabulary.ManagementLevels(), level)
		}
		if department != "" {
			require.Contains(t, vocabulary.Departments(), department)
		}
		require.Equal(t, "staff", vocabulary.ManagementLevel("Assistant to the "+title), "an assistant to anybody is staff")
		if !strings.ContainsFunc(title, func(r rune) bool { return r > '~' }) {
			require.Equal(t, level, vocabulary.ManagementLevel(strings.ToUpper(title)), "capitals mean nothing")
		}
		if !strings.ContainsFunc(title, func(r rune) bool { return r != ' ' && (r < 'a' || r > 'z') }) {
			require.Empty(t, vocabulary.ManagementLevel("Former "+title), "what somebody was says nothing")
		}
	})
}
