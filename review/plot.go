package review

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The plot is drawn 360 units wide, so that a telephone shows it at its size, and scales
// with the page. Text and lines have a contrast of at least 4.5 to 1 on white (WCAG 2.2),
// and nothing is told by colour alone.
const (
	plotWidth = 360
	plotLeft  = 96  // where bars and the curve begin
	plotRight = 340 // and end
	barHeight = 34
	curveSide = plotRight - plotLeft
)

// Plot draws the win rate by tier with its 95 % intervals, and the gain curve, as SVG.
// Another model's curve is drawn beside the first when against is not nil.
func Plot(w io.Writer, b, against *Backtest) {
	barsTop := 62
	curveTop := barsTop + barHeight*len(b.Tiers) + 86
	height := curveTop + curveSide + 62
	if against != nil {
		height += 22
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="12" fill="#1a1a1a">
<title id="title">%s on %d closed deals</title>
<desc id="desc">%s</desc>
<rect width="%d" height="%d" fill="#ffffff"/>
`, plotWidth, height, text(b.Model), b.N, text(describe(b, against)), plotWidth, height)
	label(w, 12, 24, `font-size="15" font-weight="600"`, fmt.Sprintf("%s, %d deals", b.Model, b.N))
	label(w, 12, 48, "", "Win rate by tier, with 95 % intervals")
	bars(w, b, barsTop)
	label(w, 12, float64(curveTop-26), "", fmt.Sprintf("Share of %s deals reached,", b.kind()))
	label(w, 12, float64(curveTop-10), "", "working from the highest score down")
	curve(w, b, against, curveTop)
	fmt.Fprintln(w, "</svg>")
}

func text(s string) string { return html.EscapeString(oneLine(s)) }

func label(w io.Writer, x, y float64, style, s string) {
	fmt.Fprintf(w, "<text x=\"%.0f\" y=\"%.0f\" %s>%s</text>\n", x, y, style, text(s))
}

// describe says in words what the plot shows.
func describe(b, against *Backtest) string {
	var parts []string
	for _, t := range b.Tiers {
		if t.Deals == 0 {
			parts = append(parts, t.Name+": no deals.")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: %.0f %% of %d deals won, 95 %% interval %.0f to %.0f %%.", t.Name, 100*t.WinRate, t.Deals, 100*t.WinRateLow, 100*t.WinRateHigh))
	}
	for _, each := range []*Backtest{b, against} {
		if each != nil && !math.IsNaN(float64(each.AUC)) {
			parts = append(parts, fmt.Sprintf("AUC of %s %.3f; the fifth of the deals with its highest scores holds %.0f %% of all %s deals.", each.Model, each.AUC, 100*bestShare*each.LiftAt20, each.kind()))
		}
	}
	return strings.Join(parts, " ")
}

// kind names the deals that AUC and gain are about.
func (b *Backtest) kind() string {
	if b.Won == b.N {
		return "best"
	}
	return "won"
}

// bars draws a bar for each tier, from 0 to 100 %.
func bars(w io.Writer, b *Backtest, top int) {
	at := func(share float64) float64 { return plotLeft + share*curveSide }
	bottom := float64(top + barHeight*len(b.Tiers))
	for _, share := range []float64{0, 0.5, 1} {
		fmt.Fprintf(w, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.0f\" stroke=\"#767676\" stroke-width=\"0.5\"/>\n", at(share), at(share), top, bottom)
		label(w, at(share), bottom+16, `text-anchor="middle"`, fmt.Sprintf("%.0f %%", 100*share))
	}
	for i, t := range b.Tiers {
		y := float64(top + barHeight*i)
		label(w, 12, y+14, "", shorten(t.Name, 13))
		label(w, 12, y+28, `font-size="11" fill="#595959"`, fmt.Sprintf("%d deals", t.Deals))
		if t.Deals == 0 {
			continue
		}
		fmt.Fprintf(w, "<rect x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"18\" fill=\"#9ec5e8\" stroke=\"#1f5a91\"/>\n", plotLeft, y+6, float64(t.WinRate)*curveSide)
		fmt.Fprintf(w, "<path d=\"M%.1f %.0fH%.1fM%.1f %.0fv10M%.1f %.0fv10\" stroke=\"#1a1a1a\" stroke-width=\"1.5\" fill=\"none\"/>\n",
			at(t.WinRateLow), y+15, at(t.WinRateHigh), at(t.WinRateLow), y+10, at(t.WinRateHigh), y+10)
	}
}

func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// curve draws the gain curves, and the line that chance would give.
func curve(w io.Writer, b, against *Backtest, top int) {
	x := func(share float64) float64 { return plotLeft + share*curveSide }
	y := func(share float64) float64 { return float64(top) + (1-share)*curveSide }
	for _, share := range []float64{0, 0.2, 0.5, 1} {
		fmt.Fprintf(w, "<path d=\"M%.1f %.1fV%.1fM%.1f %.1fH%.1f\" stroke=\"#767676\" stroke-width=\"0.5\" fill=\"none\"/>\n", x(share), y(0), y(1), x(0), y(share), x(1))
		label(w, x(share), y(0)+16, `text-anchor="middle"`, fmt.Sprintf("%.0f %%", 100*share))
		label(w, plotLeft-6, y(share)+4, `text-anchor="end"`, fmt.Sprintf("%.0f %%", 100*share))
	}
	label(w, x(0.5), y(0)+34, `text-anchor="middle"`, "share of all deals")
	fmt.Fprintf(w, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#595959\" stroke-dasharray=\"2 3\" fill=\"none\"/>\n", x(0), y(0), x(1), y(1))
	path := func(of *Backtest, style string) {
		var points strings.Builder
		for _, g := range of.Gain {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(g.Deals), y(g.Won))
		}
		fmt.Fprintf(w, "<polyline points=\"%s\" fill=\"none\" stroke-width=\"2\" %s/>\n", strings.TrimSpace(points.String()), style)
	}
	path(b, `stroke="#1f5a91"`)
	if against != nil {
		const dashed = `stroke="#a03c00" stroke-dasharray="6 4"`
		path(against, dashed)
		below := y(0) + 54
		fmt.Fprintf(w, "<path d=\"M%d %.0fh24\" stroke-width=\"2\" stroke=\"#1f5a91\"/>\n<path d=\"M190 %.0fh24\" stroke-width=\"2\" %s/>\n", 12, below-4, below-4, dashed)
		label(w, 42, below, "", shorten(b.Model, 20))
		label(w, 220, below, "", shorten(against.Model, 20))
	}
}
