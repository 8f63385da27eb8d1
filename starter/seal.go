package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/seal"
)

// payloadCodec is nil where nothing is sealed, or nobody may have it opened.
func (a *app) payloadCodec(ctx context.Context) (*ingress.Codec, error) {
	codec, err := a.codec(ctx)
	if err != nil || codec == nil || a.cfg.CodecSecret == "" {
		return nil, err
	}
	return &ingress.Codec{
		Payloads: seal.Reader{Codec: *codec}, Secret: a.cfg.CodecSecret.Reveal(), UIOrigin: strings.TrimRight(a.cfg.UIOrigin, "/"),
	}, nil
}

// payloadKeyCommand makes a key.
func payloadKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "payload-key ID",
		Short: "Make a key that seals what Temporal keeps",
		Long: `Make a key for SLUICE_PAYLOAD_KEYS, which seals what Temporal keeps: inputs, results, details and
errors. The first key seals, the others only open. To rotate, put the new key last, restart
worker and starter, put it first, and restart them again; take the old one out when the
last run that it sealed has left Temporal's retention.`,
		Example: `  starter payload-key 2026-11 > payload.keys
  SLUICE_PAYLOAD_KEYS_FILE=payload.keys bin/worker`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := seal.NewKey(args[0])
			if err != nil {
				return &usageError{err}
			}
			fmt.Fprintln(cmd.OutOrStdout(), key)
			return nil
		},
	}
}
