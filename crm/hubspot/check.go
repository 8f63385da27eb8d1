package hubspot

import (
	"context"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/crm"
)

// What CheckProperties says of a property beside present and conflict.
const (
	missing    = "missing"
	incomplete = "incomplete"
)

// CheckProperties is EnsureProperties that changes nothing: a property is present,
// missing, incomplete (options are) or in conflict.
func (c *Client) CheckProperties(ctx context.Context, want []crm.Property) ([]crm.PropertyState, error) {
	have := map[crm.Object]map[string]definition{}
	var states []crm.PropertyState
	for _, p := range want {
		if have[p.Object] == nil {
			definitions, err := c.definitions(ctx, p.Object)
			if err != nil {
				return states, err
			}
			have[p.Object] = definitions
		}
		states = append(states, checkProperty(p, have[p.Object]))
	}
	return states, nil
}

func checkProperty(p crm.Property, have map[string]definition) crm.PropertyState {
	d, ok := have[p.Name]
	if !ok {
		return crm.PropertyState{Name: p.Name, State: missing}
	}
	if state, bad := conflictOf(p, d); bad {
		return state
	}
	if _, added := extend(d.Options, slices.Clone(p.Options)); len(added) > 0 {
		return crm.PropertyState{Name: p.Name, State: incomplete, Note: "lacks " + strings.Join(added, ", ")}
	}
	return crm.PropertyState{Name: p.Name, State: present}
}
