package theirstack

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

var _ providers.Checker = (*Client)(nil)

// Check implements [providers.Checker] by the balance, which is free to see.
func (c *Client) Check(ctx context.Context) error {
	return c.http.Do(ctx, outbound.Request{Path: "/v0/billing/credit-balance"}, func(r outbound.Response) error {
		if r.Status != http.StatusOK {
			return failure(r)
		}
		var balance struct {
			Credits float64 `json:"api_credits"`
			Used    float64 `json:"used_api_credits"`
		}
		if err := r.JSON(&balance); err != nil {
			return err
		}
		if balance.Credits > 0 && balance.Used >= balance.Credits {
			return r.Fail(outbound.QuotaExhausted)
		}
		return nil
	})
}
