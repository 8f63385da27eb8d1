// Package monitoring holds the alert rules and the dashboard, for the tests that hold them
// against what the programs really tell.
package monitoring

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v3"
)

//go:embed alerts.yaml
var alerts string

//go:embed dashboard.json
var dashboard []byte

// Rule is one alert as Prometheus reads it.
type Rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// Alerts reads the alert rules. A key that Prometheus does not know is an error.
func Alerts() ([]Rule, error) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []Rule
		}
	}
	d := yaml.NewDecoder(strings.NewReader(alerts))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("read alerts.yaml: %w", err)
	}
	var all []Rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}

// Panel is one panel of the dashboard.
type Panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ Type, UID string }
	Targets     []struct {
		RefID, Expr string
	}
}

// Dashboard reads the panels of the dashboard.
func Dashboard() ([]Panel, error) {
	var file struct{ Panels []Panel }
	if err := json.Unmarshal(dashboard, &file); err != nil {
		return nil, fmt.Errorf("read dashboard.json: %w", err)
	}
	return file.Panels, nil
}

// interval is what Grafana puts in the place of its own variable.
var interval = strings.NewReplacer("$__rate_interval", "5m")

// Metrics returns the names of the metrics that a PromQL expression reads.
func Metrics(expr string) ([]string, error) {
	parsed, err := metricsql.Parse(interval.Replace(expr))
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", expr, err)
	}
	var names []string
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range m.LabelFilterss {
			for _, f := range filters {
				if f.Label == "__name__" {
					names = append(names, f.Value)
				}
			}
		}
	})
	slices.Sort(names)
	return slices.Compact(names), nil
}
