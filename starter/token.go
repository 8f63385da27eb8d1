package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
)

func tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Say who may call the API, and what for",
		Example: `  starter token create website --scope write --expires 90d
  starter token list
  starter token revoke 3`,
	}
	c.AddCommand(createTokenCommand(), listTokensCommand(), revokeTokenCommand())
	return c
}

func createTokenCommand() *cobra.Command {
	var scope, expires string
	var asJSON bool
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token for a caller of the API",
		Long: `Make a token for a caller of the API, and print it once: only a hash of it is kept.

  read    look at companies
  write   start runs and override scores, too
  admin   and erase companies`,
		Example: "  starter token create website --scope write --expires 90d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.TrimSpace(args[0])
			switch {
			case name == "" || len(name) > 100:
				return usagef("token create: want a name of at most 100 characters that says whose the token is")
			case !slices.Contains(store.Scopes, store.Scope(scope)):
				return usagef("token create: --scope %q is none; want read, write or admin", scope)
			}
			until, err := ingress.ParseExpiry(expires, time.Now())
			if err != nil {
				return usagef("token create: --expires: %w", err)
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			shown := "sluice_" + rand.Text() // 128 bits
			t, err := a.store.AddToken(cmd.Context(), name, store.Scope(scope), sha256.Sum256([]byte(shown)), until)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					store.Token
					Shown string `json:"token"`
				}{t, shown})
			}
			fmt.Fprintln(cmd.OutOrStdout(), shown)
			fmt.Fprintf(cmd.ErrOrStderr(), "Token %d for %s, %s. It is not shown again; send it as \"Authorization: Bearer …\".\n", t.ID, t.Name, t.Scope)
			return nil
		},
	}
	c.Flags().StringVar(&scope, "scope", string(store.ReadScope), "what it may do: read, write or admin")
	c.Flags().StringVar(&expires, "expires", "", "until when: a `date`, a time, or how long, such as 90d; without it until it is revoked")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func listTokensCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens there are and were",
		Example: "  starter token list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			all, err := a.store.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), append([]store.Token{}, all...))
			}
			t := newTable(cmd.OutOrStdout(), "id", "name", "scope", "created", "last used", "state")
			for _, k := range all {
				t.AppendRow(table.Row{k.ID, k.Name, k.Scope, day(k.CreatedAt), day(k.UsedAt), tokenState(k, time.Now())})
			}
			t.Render()
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func revokeTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Make a token good for nothing, at once and for ever",
		Example: "  starter token revoke 3",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usagef("token revoke: %q is no id; `starter token list` shows them", args[0])
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			t, err := a.store.RevokeToken(cmd.Context(), id, time.Now())
			if err != nil {
				return fmt.Errorf("%w; `starter token list` shows the tokens", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "token %d of %s is revoked\n", t.ID, t.Name)
			return nil
		},
	}
}

func tokenState(t store.Token, now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked " + day(t.RevokedAt)
	case t.ExpiresAt.IsZero():
		return "good"
	case t.ExpiresAt.After(now):
		return "good until " + t.ExpiresAt.Format("2006-01-02 15:04 UTC")
	default:
		return "expired " + day(t.ExpiresAt)
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.DateOnly)
}
