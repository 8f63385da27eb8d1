package review_test

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/sluicehq/sluice/review"
)

func page(t testing.TB, q *review.QuarterReview) (string, *html.Node) {
	var b bytes.Buffer
	require.NoError(t, q.WriteHTML(&b))
	root, err := html.Parse(strings.NewReader(b.String()))
	require.NoError(t, err)
	return b.String(), root
}

func each(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, f)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func words(n *html.Node) string {
	var b strings.Builder
	each(n, func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestReportStandsAlone: no script, nothing from elsewhere, and no style that a strict policy
// would refuse.
func TestReportStandsAlone(t *testing.T) {
	t.Parallel()
	in := eventful.whole()
	in.Prime[0].Name = `<script>alert("x")</script>`
	text, root := page(t, review.Quarter(in))
	require.Equal(t, "<!doctype html>", text[:15])
	each(root, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		require.NotContains(t, []string{"script", "link", "img", "iframe", "object", "use", "image"}, n.Data)
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
			require.NotEqual(t, "style", a.Key)
			if a.Key == "href" {
				require.True(t, strings.HasPrefix(a.Val, "#"), a.Val)
			}
		}
	})
	require.NotContains(t, text, "url(")
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "ZgotmplZ")
}

// TestReportCanBeHeard: a language, headings in order, links that lead somewhere, tables
// with headers, and of every chart a title, a description and a caption.
func TestReportCanBeHeard(t *testing.T) {
	t.Parallel()
	q := review.Quarter(eventful.whole())
	_, root := page(t, q)
	ids, links := map[string]bool{}, []string{}
	level, charts, tables := 0, 0, 0
	each(root, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if id := attr(n, "id"); id != "" {
			require.False(t, ids[id], "%s twice", id)
			ids[id] = true
		}
		switch n.Data {
		case "html":
			require.Equal(t, "en", attr(n, "lang"))
		case "h1", "h2", "h3":
			at := int(n.Data[1] - '0')
			require.LessOrEqual(t, at, level+1, words(n))
			level = at
		case "a":
			links = append(links, strings.TrimPrefix(attr(n, "href"), "#"))
		case "svg":
			charts++
			require.Equal(t, "img", attr(n, "role"))
			named := strings.Fields(attr(n, "aria-labelledby"))
			require.Len(t, named, 2)
			links = append(links, named...)
			require.Equal(t, "figure", n.Parent.Data)
			each(n, func(c *html.Node) {
				if c.Data == "title" || c.Data == "desc" {
					require.NotEmpty(t, words(c))
				}
			})
		case "table":
			tables++
			require.Equal(t, "region", attr(n.Parent, "role"))
			require.NotEmpty(t, attr(n.Parent, "aria-label"))
		case "th":
			require.Contains(t, []string{"col", "row"}, attr(n, "scope"))
		}
	})
	require.Equal(t, 10, charts)
	require.GreaterOrEqual(t, tables, charts)
	for _, l := range links {
		require.True(t, ids[l], "nothing is called %s", l)
	}
	all := words(root)
	require.Len(t, q.Claims, 6)
	for _, c := range q.Claims {
		require.Contains(t, strings.ReplaceAll(all, "\u00a0", " "), c.Sentence)
	}
	require.Contains(t, all, "A draft of revops@3")
	require.Contains(t, all, "Tier 1: 67 % of 9, 95 % interval 35 to 88 %.", "the chart in words")
}

// TestReportOfAQuietQuarter says that there is nothing to do, and why nothing is proposed.
func TestReportOfAQuietQuarter(t *testing.T) {
	t.Parallel()
	q := review.Quarter(world{deals: 400, seed: 10_003}.whole())
	require.Empty(t, q.Claims)
	_, root := page(t, q)
	all := words(root)
	require.Contains(t, all, fmt.Sprintf("Nothing. Of %d questions that were put to the deals, none has an answer that chance would not give.", q.Tested))
	require.Contains(t, all, "No other points are proposed: nothing that the deals say is sure enough to change points.")
}

// TestColoursOfTheReport: text has a contrast of at least 4.5 to 1, lines that say something of
// 3 to 1 (WCAG 2.2), in light and in dark.
func TestColoursOfTheReport(t *testing.T) {
	t.Parallel()
	text, _ := page(t, review.Quarter(review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to, Model: revopsM}))
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(text, -1)
	require.Len(t, schemes, 3, "light, dark and paper")
	for _, s := range schemes {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #([0-9a-f]{3,6});`).FindAllStringSubmatch(s[1], -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, on := range []string{"page", "panel", "gone", "new"} {
			for _, of := range []string{"ink", "soft", "link"} {
				require.GreaterOrEqual(t, contrast(colour[of], colour[on]), 4.5, "%s on %s in %s", of, on, s[1])
			}
		}
		for _, of := range []string{"edge", "second", "mark"} {
			require.GreaterOrEqual(t, contrast(colour[of], colour["page"]), 3.0, of)
		}
		require.GreaterOrEqual(t, contrast(colour["ink"], colour["first"]), 4.5, "an interval over its bar")
	}
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

func luminance(t testing.TB, hex string) float64 {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
