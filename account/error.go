package account

import "errors"

// ErrNotFound means that what was asked for is not there. Stores, providers and
// CRMs all answer with it.
var ErrNotFound = errors.New("not found")

// ErrInvalid means that an input can never be accepted as it is. Match with
// errors.Is; the reason is in [InvalidError].
var ErrInvalid = errors.New("invalid")

// InvalidError refuses an input, and names the field and the reason.
type InvalidError struct {
	Field  string // what was wrong: domain, crm_id, row 7 …
	Reason string // why, and where it helps what to do
}

// Error implements error.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// Is makes every InvalidError an [ErrInvalid].
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Invalid returns an [InvalidError].
func Invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }
