package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

// failedAs reports whether an activity ended with an error of the given type.
func failedAs(err error, kind string) bool {
	appErr, ok := applicationError(err)
	return ok && appErr.Type() == kind
}

func reasonOf(err error) string {
	if appErr, ok := applicationError(err); ok {
		return appErr.Message()
	}
	return err.Error()
}

func applicationError(err error) (*temporal.ApplicationError, bool) {
	return errors.AsType[*temporal.ApplicationError](err)
}
