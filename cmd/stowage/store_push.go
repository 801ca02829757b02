package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/schema"
)

func storePushCommand(e *env) *cobra.Command {
	var opts stowage.PushOptions
	var format string
	cmd := &cobra.Command{
		Use:   "push REF…",
		Short: "Push images from the store",
		Long: `Push images to the registries that their references name: every platform under
its own tag, TAG-ARCH, and then the index. Platforms that the registry has
beside them stay, and so do those of the same input hash, unless --overwrite is
given.

Whether an image is of committed files is not asked: stowage apply --push does
that. The registry blocks of the workspace that this directory is in are used,
if it is in one.`,
		Example:           "  stowage store push ghcr.io/acme/app:v1\n  stowage store push 'ghcr.io/acme/*'",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: e.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			var err error
			if opts.Registries, err = e.registries(cmd.Context()); err != nil {
				return err
			}
			opts.Version, opts.RegistryWaiting = version, e.waiting("registry")
			store, err := e.localStore()
			if err != nil {
				return err
			}
			defer store.Close()
			pushed, err := store.Push(cmd.Context(), args, opts)
			return errors.Join(err, e.printPushed(pushed, format))
		},
	}
	cmd.Flags().BoolVar(&opts.Overwrite, "overwrite", false, "replace platforms that the registry has")
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	return cmd
}

// registries are the registry blocks of the workspace, none without one.
func (e *env) registries(ctx context.Context) ([]*schema.Registry, error) {
	if _, err := stowage.FindRoot(e.dir); err != nil {
		return nil, nil
	}
	opts, err := e.options()
	if err != nil {
		return nil, err
	}
	ws, err := stowage.Open(ctx, e.dir, opts)
	if err != nil {
		return nil, err
	}
	defer ws.Close()
	return ws.Config().Registries, nil
}

func (e *env) printPushed(pushed []stowage.PushedImage, format string) error {
	if format == "json" {
		return e.printJSON(append([]stowage.PushedImage{}, pushed...))
	}
	for _, i := range pushed {
		if _, err := fmt.Fprintf(e.stdout, "%s@%s\n", i.Ref, i.Digest); err != nil {
			return err
		}
	}
	return nil
}
