// Command starter starts things: it serves webhooks and the API, adds and imports
// companies, explains scores, and looks after models, providers and the CRM.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	ok     = 0
	failed = 1
	usage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string) int { return execute(ctx, newRoot(), args) }

func execute(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ok
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintln(root.ErrOrStderr(), "starter:", err)
	}
	if _, is := errors.AsType[*usageError](err); is {
		return usage
	}
	return failed
}

// errReported ends a command with status 1 when it has said itself what failed.
var errReported = errors.New("reported")

// usageError is a command line that makes no sense: status 2.
type usageError struct{ err error }

// Error implements error.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Starts Sluice's work: webhooks, companies, models, providers",
		Example: `  starter migrate                                   # once, and after each upgrade
  starter serve                                     # webhooks and API
  starter company add --domain acme.example --wait  # one company, now
  starter company explain acme.example              # why it has its score`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(serveCommand(), companyCommand(), providerCommand(), signalsCommand(), icpCommand(), crmCommand(), runCommand(), deploymentCommand(), doctorCommand(), migrateCommand(), tokenCommand(), payloadKeyCommand())
	root.Args = cobra.ArbitraryArgs // else an unknown command never gets to strict
	strict(root)
	return root
}

// strict makes wrong arguments a usage error, and a group without one of its commands
// one too.
func strict(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%w; see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.RunE = commandMissing
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// commandMissing answers for a group that is called without one of its commands.
func commandMissing(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		cmd.SetOut(cmd.ErrOrStderr())
		_ = cmd.Help() // only a template that is broken fails
		return &usageError{errReported}
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // slips; cobra's own 2 holds only where it does the asking
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = " (did you mean " + strings.Join(near, " or ") + "?)"
	}
	return usagef("%s has no command %q%s; see %s --help", cmd.CommandPath(), args[0], hint, cmd.CommandPath())
}
