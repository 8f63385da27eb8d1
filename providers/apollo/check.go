package apollo

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

var _ providers.Checker = (*Client)(nil)

// Check implements [providers.Checker]. Apollo answers a bad key with 200, too.
func (c *Client) Check(ctx context.Context) error {
	return c.http.Do(ctx, outbound.Request{Path: "/auth/health"}, func(r outbound.Response) error {
		if r.Status != http.StatusOK {
			return r.FailStatus()
		}
		var health struct {
			LoggedIn bool `json:"is_logged_in"`
		}
		if err := r.JSON(&health); err != nil {
			return err
		}
		if !health.LoggedIn {
			return r.Fail(outbound.AuthFailed)
		}
		return nil
	})
}
