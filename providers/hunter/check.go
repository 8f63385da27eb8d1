package hunter

import (
	"context"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

var _ providers.Checker = (*Client)(nil)

// Check implements [providers.Checker] by the call that shows our plan, which is free.
func (c *Client) Check(ctx context.Context) error {
	return c.http.Do(ctx, outbound.Request{Path: "/account"}, func(r outbound.Response) error {
		if r.Status >= 200 && r.Status < 300 {
			return nil
		}
		_, err := c.read(r)
		return err
	})
}
