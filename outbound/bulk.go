package outbound

import "context"

type bulkKey struct{}

// InBulk marks calls that nobody waits for, such as those of an import or of a night's
// sweep: where a service has a pace, they go when no other call wants the turn.
func InBulk(ctx context.Context) context.Context { return context.WithValue(ctx, bulkKey{}, true) }

func isInBulk(ctx context.Context) bool { return ctx.Value(bulkKey{}) != nil }
