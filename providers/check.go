package providers

import "context"

// Checker is a provider that says for free whether it takes our key.
type Checker interface {
	// Check returns nil, or an [outbound.Error]: auth_failed, quota_exhausted, …
	Check(ctx context.Context) error
}
