package review_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/review"
)

func TestReadTable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string
		columns    []string
	}{
		{"commas", "a,b\n1,2\n", []string{"a", "b"}},
		{"semicolons, as spreadsheets of some countries write", "a;b, c;d\n1;2;3\n", []string{"a", "b, c", "d"}},
		{"tabs", "a\tb\n1\t2\n", []string{"a", "b"}},
		{"a byte order mark and blanks", "\uFEFF a , b\n1,2\n", []string{"a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := table(t, tt.give)
			require.Equal(t, tt.columns, got.Columns())
			require.Equal(t, 1, got.Len())
		})
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"nothing", "", "deals.csv: the file is empty; want a header and one row a deal"},
		{"blanks", " \n\n", "deals.csv: the file is empty; want a header and one row a deal"},
		{"a short row", "a,b\n1,2\n3\n", "deals.csv: line 3: has more or fewer columns than the header"},
		{"an open quote", "a,b\n1,\"2\n", "deals.csv: line 2: a quote that is never closed, or text behind a closing one"},
		{"a bare quote", "a,b\n1,x\"y\"\n", `deals.csv: line 2: a quote within a cell; put the cell in quotes and write "" for each quote in it`},
		{"two columns of one name", "a,a\n1,2\n", `deals.csv: two columns are called "a"`},
		{"not UTF-8", "a,b\n1,\xff\n", `deals.csv: line 2, column "b": not text in UTF-8; save the file as CSV UTF-8`},
		{"a header that is not UTF-8", "a,\xff\n1,2\n", "deals.csv: the header is not text in UTF-8; save the file as CSV UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := review.ReadTable("deals.csv", strings.NewReader(tt.give))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	give := table(t, "deal,account,won\n1,A,1\n2,B,0\n3,A,0\n4,,1\n")
	accounts, err := review.ReadTable("accounts.csv", strings.NewReader("account,size\nA,10\nC,5\n"))
	require.NoError(t, err)
	got, without, err := give.Join(accounts, "deal")
	require.NoError(t, err)
	require.Equal(t, []string{"deal", "account", "won", "size"}, got.Columns())
	require.Equal(t, 4, got.Len())
	require.Equal(t, 2, without)

	got, _, err = give.Join(table(t, "account,deal,size\nA,x,10\n"), "account")
	require.NoError(t, err)
	require.Equal(t, []string{"deal", "account", "won", "account deal", "size"}, got.Columns())
}

func TestJoinsThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, accounts, id, want string }{
		{"nothing in common", "name,size\nA,1\n", "", "deals.csv and accounts.csv have no column in common"},
		{"two columns in common", "account,won\nA,1\n", "", "deals.csv and accounts.csv have several columns in common (account, won); say with --id"},
		{"an account twice", "account,size\nA,1\nA,2\n", "", `accounts.csv: two accounts have the account "A"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accounts, err := review.ReadTable("accounts.csv", strings.NewReader(tt.accounts))
			require.NoError(t, err)
			_, _, err = table(t, "account,won\nA,1\n").Join(accounts, tt.id)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, cells string
		won         []string
		n, wins     int
	}{
		{"digits", "1 0 0 1 1", nil, 5, 3},
		{"words in any case", "Won LOST won", nil, 3, 2},
		{"stages", "closed-won closed_lost ClosedWon Closedlost", nil, 4, 2},
		{"open deals are left out", "won lost negotiation negotiation ", nil, 2, 1},
		{"own words", "acquired closed operating", []string{"Acquired", "operating"}, 3, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := deals(t, table(t, "result\n"+strings.ReplaceAll(tt.cells, " ", "\n")+"\n"), review.Roles{Outcome: "result", Won: tt.won})
			require.Equal(t, tt.n, d.Len())
			require.Equal(t, tt.wins, d.Won())
		})
	}
}

func TestDealsThatAreRefused(t *testing.T) {
	t.Parallel()
	const file = "id,stage,closed,acv\n1,won,2026-01-02,10\n2,lost,soon,20\n3,open,2026-01-02,x\n"
	tests := []struct {
		name string
		give review.Roles
		want string
	}{
		{"no outcome", review.Roles{}, "outcome: missing; say which column tells whether the deal was won"},
		{"a misspelt column", review.Roles{Outcome: "stag"}, `outcome: deals.csv has no column "stag" (did you mean stage?); it has id, stage, closed, acv`},
		{"a column for two things", review.Roles{Outcome: "stage", ID: "Stage"}, `id: the column "Stage" has another role already`},
		{"no outcome in the column", review.Roles{Outcome: "id", Won: []string{"9"}}, `outcome: the column "id" has 0 won and 3 lost deals, and nothing else; want 1 and 0`},
		{"no date in every row", review.Roles{Outcome: "stage", Date: "closed"}, `date: the column "closed" does not hold a date in every row that counts`},
		{"an unknown column to ignore", review.Roles{Outcome: "stage", Ignore: []string{"rep"}}, `ignore: deals.csv has no column "rep"; it has id, stage, closed, acv`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := review.NewDeals(table(t, file), tt.give)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestDealsSayWhatWasDecided(t *testing.T) {
	t.Parallel()
	d := deals(t, table(t, "stage,churned,retention\nwon,yes,0.9\nlost,,\nproposal,,\n"), review.Roles{Outcome: "stage"})
	require.Equal(t, []string{
		`1 rows are neither won nor lost ("proposal" 1 times): taken for open deals and left out`,
		"churned says what became of customers: it is no attribute",
		"retention says what became of customers: it is no attribute, and without --value it is not used",
	}, d.Notes)
}

func TestWordsThatCountAsLostAreNamed(t *testing.T) {
	t.Parallel()
	file := "stage\nWon\nLost\nEngaging\nEngaging\n"
	d := deals(t, table(t, file), review.Roles{Outcome: "stage", Won: []string{"won"}})
	require.Contains(t, d.Notes, `3 rows count as lost ("Engaging" 2 times, "Lost" 1 times): are some of these open deals? Leave them out of the file`)
	d = deals(t, table(t, strings.ReplaceAll(file, "Engaging", "Lost")), review.Roles{Outcome: "stage", Won: []string{"won"}})
	require.Empty(t, d.Notes)
}
