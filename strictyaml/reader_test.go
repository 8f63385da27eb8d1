package strictyaml_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// read lets do read the document, and returns the mistakes without the file's name.
func read(file string, do func(v strictyaml.Value)) string {
	r := strictyaml.New("f", "plan", "docs/plan.md")
	do(r.Document([]byte(file)))
	err := r.Err()
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\nf:", "\n"), "f:")
}

// TestDocument holds that a file that is no single YAML document is refused with
// its place, and that reading on is safe and reports nothing more.
func TestDocument(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"good", "a: 1\n", ""},
		{"a byte order mark", "\ufeffa: 1\n", ""},
		{"CRLF", "a: 1\r\n", ""},
		{"an explicit start", "---\na: 1\n", ""},

		{"empty", "", "1:1: the file is empty; docs/plan.md shows a plan"},
		{"only comments", "# a\n\n# b\n", "1:1: the file is empty; docs/plan.md shows a plan"},
		{"nothing but null", "~", "1:1: want a mapping, have nothing"},
		{"a list", "- a\n", "1:1: want a mapping, have a list"},
		{"a text", "a\n", `1:1: want a mapping, have the text "a"`},
		{"a second document", "a: 1\n---\nb: 2\n", "2:1: a second document; a file holds one plan, so remove the --- and what follows"},
		{"a second document that is no YAML", "a: 1\n---\nb: ]\n", "3:4: not YAML: did not find expected node content"},
		{"as big as a file may be", "a: 1\n" + strings.Repeat("#", 1<<20-5), ""},
		{"a byte bigger", "a: 1\n" + strings.Repeat("#", 1<<20-4), "1:1: the file has 1048577 bytes; a plan has at most 1048576"},

		{"not UTF-8", "a: 1\nä: \xff\n", "2:4: not a text file in UTF-8: unreadable character"},
		{"UTF-16", "\xff\xfea\x00", "1:1: not a text file in UTF-8: unreadable character"},
		{"a zero byte", "a: 1\x00\n", "1:5: not a text file in UTF-8: unreadable character"},
		{"an escape sequence", "a: \x1b[31mred\n", "1:4: not a text file in UTF-8: unreadable character"},
		{"a binary file", "\x7fELF\x02\x01", "1:1: not a text file in UTF-8: unreadable character"},

		{"a tab before a key", "b:\n\ta: 1\n", "2:1: not YAML: a tab; indent with spaces"},
		{"a tab after spaces", "b:\n  \ta: 1\n", "2:3: not YAML: a tab; indent with spaces"},
		{"a colon too many", "a: 1\nb: c: d\n", "2:5: not YAML: mapping values are not allowed in this context"},
		{"a bracket left open", "a: [1\nb: 2\n", "1:5: not YAML: did not find expected ',' or ']'"},
		{"a quote left open", "a: \"b\nc: d\n", "1:4: not YAML: found unexpected end of stream"},
		{"brackets without end", strings.Repeat("[", 20_000), "1:10001: not YAML: exceeded max depth of 10000"},
		{"far down a huge file", strings.Repeat("a: b\n", 20_000) + "x: y: z", "20001:1: near here, not YAML: mapping values are not allowed in this context"},

		{"an anchor", "a: &b 1\n", "1:4: anchors (&name) are not used in plans; remove it"},
		{"an alias", "b: &b 1\na: *b\n", "1:4: anchors (&name) are not used in plans; remove it\n2:4: aliases (*name) are not used in plans; write the value out"},
		{"an alias of nothing", "a: *b\n", "1:5: not YAML: unknown anchor 'b' referenced"},
		{"a tag", "a: !!int 1\n", "1:4: tags (!name) are not used in plans; remove it"},
		{"a tag of one's own", "a: !env HOME\n", "1:4: tags (!name) are not used in plans; remove it"},
		{"a merge key", "b: &b {c: 1}\na:\n  <<: *b\n", "1:4: anchors (&name) are not used in plans; remove it\n3:7: aliases (*name) are not used in plans; write the value out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, read(tt.give, func(v strictyaml.Value) { v.Object("a", "b") }))
		})
	}
}

// TestValue has good and bad inputs for every way to read a value: the file is
// "v: " and the input.
func TestValue(t *testing.T) {
	t.Parallel()
	text := func(v strictyaml.Value) any { return v.Text() }
	word := func(v strictyaml.Value) any { return v.Word() }
	oneOf := func(v strictyaml.Value) any { return v.OneOf("low", "medium", "high") }
	integer := func(v strictyaml.Value) any { return v.Integer(-5, 500) }
	amount := func(v strictyaml.Value) any { return v.Amount(0.5, 2e6) }
	number := func(v strictyaml.Value) any { n, _ := v.Number(); return n }
	share := func(v strictyaml.Value) any { return v.Share(true) }
	weight := func(v strictyaml.Value) any { return v.Share(false) }
	boolean := func(v strictyaml.Value) any { yes, _ := v.Boolean(); return yes }
	days := func(v strictyaml.Value) any { return v.Duration("dh") }
	seconds := func(v strictyaml.Value) any { return v.Duration("s") }
	list := func(v strictyaml.Value) any { return len(v.List(3)) }
	some := func(v strictyaml.Value) any { return len(v.Some(3)) }
	const wantNumber = "1:4: v: want a number such as 50, 10k, 1.5M or 2B, have "
	const wantDays = "1:4: v: want a number of days or hours, such as 90d or 12h, have "
	tests := []struct {
		name      string
		read      func(strictyaml.Value) any
		give      string
		want      any
		wantError string
	}{
		{"a text", text, "Ünicode text", "Ünicode text", ""},
		{"a text in quotes", text, `"7001"`, "7001", ""},
		{"a date is a text", text, "2026-11-01", "2026-11-01", ""},
		{"a text of 200 characters", text, strings.Repeat("ü", 200), strings.Repeat("ü", 200), ""},
		{"a text of 201", text, strings.Repeat("ü", 201), "", "1:4: v: has 201 characters; at most 200"},
		{"a number for a text", text, "7001", "", "1:4: v: want a text (in quotes, if that is what it is), have 7001"},
		{"yes or no for a text", text, "true", "", "1:4: v: want a text (in quotes, if that is what it is), have true"},
		{"nothing for a text", text, "", "", "1:3: v: want a text, have nothing"},
		{"null for a text", text, "~", "", "1:4: v: want a text, have nothing"},
		{"a list for a text", text, "[a]", "", "1:4: v: want a text, have a list"},
		{"a mapping for a text", text, "{a: b}", "", "1:4: v: want a text, have a mapping"},
		{"an empty text", text, `""`, "", "1:4: v: must not be empty"},
		{"a blank text", text, `"  "`, "", "1:4: v: must not be empty"},
		{"a text with a space before it", text, `" a"`, "", "1:4: v: must be one line without spaces around it"},
		{"a text of two lines", text, `"a\nb"`, "", "1:4: v: must be one line without spaces around it"},

		{"a word", word, "sdr-outreach_2", "sdr-outreach_2", ""},
		{"a word of 64 letters", word, strings.Repeat("a", 64), strings.Repeat("a", 64), ""},
		{"a word of 65", word, strings.Repeat("a", 65), "", `1:4: v: "` + strings.Repeat("a", 39) + `…": want lower-case letters, digits, - and _, at most 64`},
		{"a capital in a word", word, "SDR", "", `1:4: v: "SDR": want lower-case letters, digits, - and _, at most 64`},
		{"a space in a word", word, "a b", "", `1:4: v: "a b": want lower-case letters, digits, - and _, at most 64`},
		{"a word that is no text", word, "7", "", "1:4: v: want a text (in quotes, if that is what it is), have 7"},

		{"an option", oneOf, "medium", "medium", ""},
		{"a misspelt option", oneOf, "meduim", "", `1:4: v: "meduim": want low or medium or high (did you mean medium?)`},
		{"no option", oneOf, "urgent", "", `1:4: v: "urgent": want low or medium or high`},

		{"a whole number", integer, "12", 12, ""},
		{"a whole number with a suffix", integer, "0.5k", 500, ""},
		{"the least", integer, "-5", -5, ""},
		{"one less", integer, "-6", 0, "1:4: v: -6 is outside -5 to 500"},
		{"the most", integer, "500", 500, ""},
		{"one more", integer, "501", 0, "1:4: v: 501 is outside -5 to 500"},
		{"half", integer, "1.5", 0, "1:4: v: want a whole number, have 1.5"},
		{"octal", integer, "010", 0, "1:4: v: want a whole number, have 010"},
		{"hexadecimal", integer, "0x10", 0, "1:4: v: want a whole number, have 0x10"},
		{"a number in quotes", integer, `"12"`, 0, `1:4: v: want a whole number, have the text "12"`},
		{"a whole number in words", integer, "twelve", 0, `1:4: v: want a whole number, have the text "twelve"`},

		{"a number", number, "-1.5", -1.5, ""},
		{"a number with thousands", number, "1_500", 1500.0, ""},
		{"a number in millions", number, "1.5M", 1.5e6, ""},
		{"a number in billions", number, "2b", 2e9, ""},
		{"infinity", number, ".inf", 0.0, wantNumber + ".inf"},
		{"not a number", number, ".nan", 0.0, wantNumber + ".nan"},
		{"an exponent", number, "1e3", 0.0, wantNumber + "1e3"},
		{"a decimal comma", number, "1,5", 0.0, wantNumber + `the text "1,5"`},
		{"an unknown suffix", number, "5T", 0.0, wantNumber + `the text "5T"`},
		{"digits without end", number, strings.Repeat("9", 50), 0.0, wantNumber + strings.Repeat("9", 39) + "…"},

		{"an amount", amount, "10k", 10_000.0, ""},
		{"the least amount", amount, "0.5", 0.5, ""},
		{"an amount too small", amount, "0.4", 0.0, "1:4: v: 0.4 is outside 0.5 to 2M"},
		{"an amount too big", amount, "3M", 0.0, "1:4: v: 3M is outside 0.5 to 2M"},
		{"a negative amount", amount, "-1", 0.0, "1:4: v: -1 is outside 0.5 to 2M"},
		{"an amount in words", amount, "lots", 0.0, wantNumber + `the text "lots"`},

		{"a share", share, "0.12", 0.12, ""},
		{"no share", share, "0", 0.0, ""},
		{"all", weight, "1", 1.0, ""},
		{"a share above 1", share, "1.1", 1.1, "1:4: v: 1.1 is outside 0 to 1"},
		{"a share below 0", share, "-0.1", -0.1, "1:4: v: -0.1 is outside 0 to 1"},
		{"a share that must not be 0", weight, "0", 0.0, "1:4: v: must be above 0"},
		{"a share in per cent", share, "12%", 0.0, `1:4: v: want a number from 0 to 1, have the text "12%"`},

		{"yes", boolean, "true", true, ""},
		{"no", boolean, "False", false, ""},
		{"yes in words", boolean, "yes", false, `1:4: v: want true or false, have the text "yes"`},
		{"yes in quotes", boolean, `"true"`, false, `1:4: v: want true or false, have the text "true"`},
		{"1 for yes", boolean, "1", false, "1:4: v: want true or false, have 1"},

		{"days", days, "90d", 90 * 24 * time.Hour, ""},
		{"hours", days, "12h", 12 * time.Hour, ""},
		{"ten years", days, "3660d", 3660 * 24 * time.Hour, ""},
		{"a day longer", days, "3661d", time.Duration(0), "1:4: v: 3661d is longer than 3660d"},
		{"a unit that is not wanted", days, "30s", time.Duration(0), wantDays + `the text "30s"`},
		{"seconds", seconds, "30s", 30 * time.Second, ""},
		{"minutes for seconds", seconds, "5m", time.Duration(0), `1:4: v: want a number of seconds, such as 30s, have the text "5m"`},
		{"no unit", days, "90", time.Duration(0), wantDays + "90"},
		{"no time", days, "0d", time.Duration(0), wantDays + `the text "0d"`},
		{"time backwards", days, "-1d", time.Duration(0), wantDays + `the text "-1d"`},
		{"two units", days, "1d12h", time.Duration(0), wantDays + `the text "1d12h"`},
		{"a list of times", days, "[1d]", time.Duration(0), wantDays + "a list"},

		{"a list", list, "[a, b, c]", 3, ""},
		{"an empty list", list, "[]", 0, ""},
		{"a list too long", list, "[a, b, c, d]", 0, "1:4: v: has 4 items; at most 3"},
		{"a text for a list", list, "a", 0, `1:4: v: want a list, have the text "a"`},
		{"nothing for a list", list, "", 0, "1:3: v: want a list, have nothing"},
		{"an empty list that must not be", some, "[]", 0, "1:4: v: must not be empty"},
		{"a mapping for a list", some, "{}", 0, "1:4: v: want a list, have a mapping"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.wantError, read("v: "+tt.give, func(v strictyaml.Value) {
				require.Equal(t, tt.want, tt.read(v.Object("v").Need("v")))
			}))
		})
	}
}

// TestAbsentValue holds that what is not there reads as zero without a mistake: the
// mistake has been reported where it is missing.
func TestAbsentValue(t *testing.T) {
	t.Parallel()
	var v strictyaml.Value
	require.True(t, v.Absent())
	require.True(t, v.Null())
	require.Empty(t, v.Text())
	require.Empty(t, v.Word())
	require.Empty(t, v.OneOf("a"))
	require.Zero(t, v.Integer(1, 2))
	require.Zero(t, v.Amount(1, 2))
	require.Zero(t, v.Share(false))
	require.Zero(t, v.Duration("s"))
	require.Empty(t, v.List(1))
	require.Empty(t, v.Some(1))
	require.True(t, v.Object("a").Need("a").Absent())
	require.False(t, v.Object("a").Has("a"))
	for range v.Entries() {
		require.Fail(t, "an absent mapping has an entry")
	}
	yes, ok := v.Boolean()
	require.False(t, yes || ok)
	v.Fail("nothing to see")
	require.Equal(t, "why", v.Mistake("why").Message)
}

func TestNull(t *testing.T) {
	t.Parallel()
	require.Empty(t, read("a:\nb: x\n", func(v strictyaml.Value) {
		o := v.Object("a", "b")
		require.True(t, o.Get("a").Null())
		require.False(t, o.Get("b").Null())
		require.False(t, o.Get("a").Absent())
	}))
}

// TestObject holds that keys are known, there once and, where needed, there.
func TestObject(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"good", "name: a\nrate: 1\n", ""},
		{"an optional key missing", "name: a\n", ""},
		{"a key missing", "rate: 1\n", "1:1: missing key name"},
		{"a key missing further down", "name: a\ninner:\n  x: 1\n", "3:3: inner: missing key y"},
		{"an unknown key near a known one", "name: a\nrat: 1\n", "2:1: rat: unknown key (did you mean rate?)"},
		{"a misspelt key is not missed as well", "nam: a\n", "1:1: nam: unknown key (did you mean name?)"},
		{"an unknown key near none", "name: a\ncolour: red\n", "2:1: colour: unknown key; known: name, rate, inner"},
		{"an unknown key further down", "name: a\ninner: {y: 1, zoo: 2}\n", "2:15: inner.zoo: unknown key; known: x, y"},
		{"a key in another case", "Name: a\n", "1:1: Name: unknown key (did you mean name?)"},
		{"a key that is a list", "name: a\n[b]: 1\n", "2:1: ?: unknown key; known: name, rate, inner"},
		{"a key without end", "name: a\n" + strings.Repeat("k", 100) + ": 1\n", "2:1: " + strings.Repeat("k", 39) + "…: unknown key; known: name, rate, inner"},
		{"a key twice", "name: a\nrate: 1\nname: b\n", "3:1: name: the key stands here twice; the first is in line 1"},
		{"a key three times", "name: a\nname: b\nname: c\n", "2:1: name: the key stands here twice; the first is in line 1\n3:1: name: the key stands here twice; the first is in line 1"},
		{"a list for a mapping", "name: a\ninner: [x]\n", "2:8: inner: want a mapping, have a list"},
		{"a number for a mapping", "name: a\ninner: 7\n", "2:8: inner: want a mapping, have 7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, read(tt.give, func(v strictyaml.Value) {
				o := v.Object("name", "rate", "inner")
				o.Need("name")
				o.Get("inner").Object("x", "y").Need("y")
			}))
		})
	}
}

// TestEntries holds that a mapping with keys of the file's own keeps their order.
func TestEntries(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want, wantError string }{
		{"in order", "{zeta: 1, alpha: 2}", "zeta alpha", ""},
		{"none", "{}", "", ""},
		{"a key twice", "{a: 1, b: 2, a: 3}", "a b", "1:17: v.a: the key stands here twice; the first is in line 1"},
		{"a key that is no word", "{a: 1, Big Deals: 2}", "a", `1:11: v.Big Deals: "Big Deals": want lower-case letters, digits, - and _, at most 64`},
		{"a key that is a list", "{? [a] : 1}", "", `1:7: v.?: "": want lower-case letters, digits, - and _, at most 64`},
		{"a list", "[a]", "", "1:4: v: want a mapping, have a list"},
		{"nothing", "", "", "1:3: v: want a mapping, have nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.wantError, read("v: "+tt.give, func(v strictyaml.Value) {
				var keys []string
				for key, value := range v.Object("v").Get("v").Entries() {
					require.NotZero(t, value.Integer(1, 9))
					keys = append(keys, key)
				}
				require.Equal(t, tt.want, strings.Join(keys, " "))
			}))
		})
	}
}

func TestEntriesCanBeLeftEarly(t *testing.T) {
	t.Parallel()
	require.Empty(t, read("a: 1\nb: 2\n", func(v strictyaml.Value) {
		for key := range v.Entries() {
			require.Equal(t, "a", key)
			break
		}
	}))
}

func TestUnique(t *testing.T) {
	t.Parallel()
	const file = "- saas\n- SaaS\n- [saas]\n- saas\n"
	require.Equal(t, `4:3: [3]: "saas" is already in the list`, read(file, func(v strictyaml.Value) {
		strictyaml.Unique(v.List(9), strictyaml.Exactly)
	}))
	require.Equal(t, "2:3: [1]: \"SaaS\" is already in the list\n4:3: [3]: \"saas\" is already in the list", read(file, func(v strictyaml.Value) {
		strictyaml.Unique(v.List(9), strings.ToLower)
	}))
}

// TestAllMistakesComeInTheOrderOfTheFile holds that the order of reading does not
// show.
func TestAllMistakesComeInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	r := strictyaml.New("f.yaml", "plan", "docs/plan.md")
	o := r.Document([]byte("a: x\nb: y\n")).Object("a", "b")
	require.NoError(t, r.Err())
	o.Get("b").Integer(0, 1)
	o.Get("a").Integer(0, 1)
	require.Equal(t, 2, r.Count())
	require.ErrorIs(t, r.Err(), account.ErrInvalid)
	var err *strictyaml.Error
	require.ErrorAs(t, r.Err(), &err)
	require.Equal(t, []strictyaml.Mistake{
		{File: "f.yaml", Line: 1, Column: 4, Message: `a: want a whole number, have the text "x"`},
		{File: "f.yaml", Line: 2, Column: 4, Message: `b: want a whole number, have the text "y"`},
	}, err.Mistakes)
	require.EqualError(t, err, "f.yaml:1:4: a: want a whole number, have the text \"x\"\nf.yaml:2:4: b: want a whole number, have the text \"y\"")
}

// TestMistakeIsNotReported holds that a mistake can be made without being counted.
func TestMistakeIsNotReported(t *testing.T) {
	t.Parallel()
	r := strictyaml.New("f", "plan", "docs/plan.md")
	m := r.Document([]byte("a: 1\n")).Object("a").Get("a").Mistake("no %s", "such thing")
	require.EqualError(t, m, "f:1:4: a: no such thing")
	require.NoError(t, r.Err())
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"employees", "industry", "rate", "ttl"}
	tests := []struct{ name, give, want string }{
		{"a letter too few", "employes", "employees"},
		{"a letter too many", "industryy", "industry"},
		{"a letter wrong", "indastry", "industry"},
		{"two letters swapped", "rtae", "rate"},
		{"two slips in a long word", "indastri", "industry"},
		{"three slips", "indazzri", ""},
		{"two slips in a short word", "raxx", ""},
		{"one slip in a word of three", "tll", "ttl"},
		{"another word", "colour", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, strictyaml.Nearest(tt.give, known))
		})
	}
	require.Equal(t, " (did you mean rate?)", strictyaml.DidYouMean("rat", known))
	require.Empty(t, strictyaml.DidYouMean("colour", known))
}

func TestFormatNumber(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]float64{
		"0": 0, "120": 120, "10000": 10_000, "1M": 1e6, "1.5M": 1.5e6, "-2.5B": -2.5e9, "1234567": 1_234_567, "0.25": 0.25,
	} {
		require.Equal(t, want, strictyaml.FormatNumber(n))
		back, ok := strictyaml.ParseNumber(want)
		require.True(t, ok)
		require.InDelta(t, n, back, 0)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	require.Equal(t, "über", strictyaml.Clip("über", 4))
	require.Equal(t, "üb…", strictyaml.Clip("über", 3))
}
