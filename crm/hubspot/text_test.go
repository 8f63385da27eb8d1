package hubspot

import (
	"html"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBody(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, key, want string }{
		{name: "text and key", text: "a\nb & <c>", key: "sluice:k", want: "a<br>b &amp; &lt;c&gt;<br><br>sluice:k"},
		{name: "line ends of Windows and of old", text: "a\r\nb\rc", want: "a<br>b<br>c"},
		{name: "key alone", key: "sluice:k", want: "sluice:k"},
		{name: "text alone", text: "a", want: "a"},
		{name: "a key is escaped too", key: "sluice:a&b", want: "sluice:a&amp;b"},
		{name: "a line that looks like a key", text: "x\n sluice:other", key: "sluice:k", want: "x<br>&gt;  sluice:other<br><br>sluice:k"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, body(tt.text, tt.key))
		})
	}
}

func TestBodyFillsTheLimitAndNoMore(t *testing.T) {
	t.Parallel()
	key := "sluice:hubspot/8100/512/note"
	room := maxText - len("<br><br>"+key)
	require.Equal(t, strings.Repeat("a", room)+"<br><br>"+key, body(strings.Repeat("a", room), key), "what just fits is whole")
	cutOne := body(strings.Repeat("a", room+1), key)
	require.Equal(t, maxText, length(cutOne))
	require.True(t, strings.HasSuffix(cutOne, "a…<br><br>"+key))
	escaped := body(strings.Repeat("&", room), key)
	require.LessOrEqual(t, length(escaped), maxText)
	require.True(t, strings.HasSuffix(escaped, "&amp;…<br><br>"+key), "never cut within an escape")
}

func TestCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "abc", cut("abc", 3))
	require.Equal(t, "ab…", cut("abcd", 3))
	require.Equal(t, "a…", cut("a😀b", 3), "an emoji counts twice")
	require.Equal(t, "a😀", cut("a😀", 3))
}

func TestHasKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       bool
	}{
		{name: "as written", body: "why<br><br>sluice:k", want: true},
		{name: "after HubSpot's editor", body: `<div dir="auto" data-top-level="true"><p style="margin:0;">why</p><p style="margin:0;">sluice:k&nbsp;</p><p>thanks!</p></div>`, want: true},
		{name: "longer key", body: "why<br>sluice:kk"},
		{name: "within a line", body: "see sluice:k"},
		{name: "empty", body: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, hasKey(tt.body, "sluice:k"))
		})
	}
}

func FuzzBody(f *testing.F) {
	f.Add("a\nb<script>", "sluice:k")
	f.Add("sluice:forged\xff", "sluice:hubspot/1/2/note/x y")
	f.Fuzz(func(t *testing.T, text, what string) {
		key := keyPrefix + strings.Join(strings.Fields(what), "-")
		got := body(text, key)
		if len(key) < 1000 && strings.ToValidUTF8(key, "") == key && !strings.ContainsAny(key, "\x00\r") {
			require.True(t, hasKey(got, key))
		}
		require.LessOrEqual(t, length(got), maxText+length(html.EscapeString(key)))
		require.NotContains(t, strings.ReplaceAll(got, "<br>", ""), "<")
	})
}

func TestPolicyDelay(t *testing.T) {
	t.Parallel()
	evening := time.Date(2026, 11, 20, 23, 0, 0, 0, time.FixedZone("", 3600)) // 22:00 UTC
	require.Equal(t, 2*time.Hour, policyDelay("DAILY", evening))
	require.Equal(t, time.Minute, policyDelay("DAILY", time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)), "not the same moment again")
	require.Equal(t, time.Second, policyDelay("SECONDLY", evening))
	require.Equal(t, 10*time.Second, policyDelay("TEN_SECONDLY_ROLLING", evening))
	require.Equal(t, 10*time.Second, policyDelay("", evening))
}
