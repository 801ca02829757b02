package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func lockCommand(e *env) *cobra.Command {
	var upgrade, check bool
	var format string
	cmd := &cobra.Command{
		Use:   "lock [REF…]",
		Short: "Pin the images that packages take from elsewhere",
		Long: `Pin the images that packages take from elsewhere: write stowage.lock.hcl, which
has the digest and the platforms of every image that a Dockerfile or a named
context uses, that is not the workspace's and that has no digest of its own.
What is not in it is looked up, what no package uses any more is removed, and
the rest stays as it is.

With a lock file, builds use what is locked whatever the tags point at by then,
and an image that is not locked is an error.

--upgrade looks up again what is locked already: all images, or only those
named by REF, such as alpine (with any tag), alpine:3.20 or
docker.io/library/alpine:3.20. Packages that use an image which has moved are
built again, because of base_moved.

--check asks no registry and writes nothing. It prints what has to be added or
removed, and platforms that packages need and a locked image has not got, and
exits 1 when there is anything. With --upgrade it asks what the tags of locked
images, or of those named by REF, point at now, and exits 1 too when one has
moved.

The mirrors of a registry block are asked before the registry itself.`,
		Example:           "  stowage lock\n  stowage lock --upgrade\n  stowage lock --upgrade alpine golang:1.26\n  stowage lock --check\n  stowage lock --check --upgrade",
		ValidArgsFunction: e.completeLocked,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			ws, err := e.openUnresolved(cmd.Context())
			if err != nil {
				return err
			}
			defer ws.Close()
			opts := stowage.LockOptions{Upgrade: upgrade, References: args}
			if check {
				return e.checkLock(cmd.Context(), ws, opts, format)
			}
			changes, err := ws.Lock(cmd.Context(), opts)
			if err != nil {
				return err
			}
			for _, l := range changes.Lacking {
				fmt.Fprintf(e.stderr, "Warning: %s has no %s, which %s need; no build of these can be planned.\n",
					l.Name, strings.Join(l.Platforms, ", "), strings.Join(l.Packages, ", "))
			}
			return e.printLock(changes, format)
		},
	}
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "look up what is locked already, too")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 when the lock file must change")
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	return cmd
}

// openUnresolved opens the workspace for those to whom an image that is not
// locked is no mistake.
func (e *env) openUnresolved(ctx context.Context) (*stowage.Workspace, error) {
	opts, err := e.options()
	if err != nil {
		return nil, err
	}
	ws, err := stowage.Open(ctx, e.dir, opts)
	if err != nil {
		return nil, err
	}
	e.printDiagnostics(ws.Warnings, ws.Config().Files)
	return ws, nil
}

// printLock prints what lock has done.
func (e *env) printLock(c *stowage.LockChanges, format string) error {
	if format == "json" {
		return e.printJSON(c)
	}
	for _, i := range c.Added {
		fmt.Fprintf(e.stdout, "added    %s  %s (%s)\n", i.Name, i.New, strings.Join(i.Platforms, ", "))
	}
	e.printMoved(c.Moved)
	for _, i := range c.Removed {
		fmt.Fprintf(e.stdout, "removed  %s  %s\n", i.Name, i.Old)
	}
	_, err := fmt.Fprintf(e.stdout, "Lock: %d added, %d moved, %d removed; %d unchanged.\n",
		len(c.Added), len(c.Moved), len(c.Removed), c.Unchanged)
	return err
}

func (e *env) printMoved(moved []stowage.LockChange) {
	for _, i := range moved {
		fmt.Fprintf(e.stdout, "moved    %s  %s → %s\n", i.Name, i.Old, i.New)
	}
}

// checkLock says what lock would do. Anything is an error.
func (e *env) checkLock(ctx context.Context, ws *stowage.Workspace, opts stowage.LockOptions, format string) error {
	c, err := ws.CheckLock(ctx, opts)
	if err != nil {
		return err
	}
	if format == "json" {
		err = e.printJSON(c)
	} else {
		e.printCheck(c)
	}
	switch {
	case err != nil || c.Empty():
		return err
	case len(c.Added)+len(c.Removed) > 0:
		return fmt.Errorf("the lock file is not up to date (%d to add, %d to remove); run stowage lock", len(c.Added), len(c.Removed))
	}
	if len(c.Moved) > 0 {
		return fmt.Errorf("%s; run stowage lock --upgrade", movedText(len(c.Moved)))
	}
	names := make([]string, len(c.Lacking))
	for i, l := range c.Lacking {
		names[i] = l.Name
	}
	return fmt.Errorf("locked images lack platforms that packages need; run stowage lock --upgrade %s", strings.Join(names, " "))
}

func movedText(n int) string {
	if n == 1 {
		return "1 locked image has moved"
	}
	return fmt.Sprintf("%d locked images have moved", n)
}

func (e *env) printCheck(c *stowage.LockChanges) {
	for _, i := range c.Added {
		fmt.Fprintf(e.stdout, "missing  %s  used by %s\n", i.Name, strings.Join(i.Packages, ", "))
	}
	e.printMoved(c.Moved)
	for _, i := range c.Removed {
		fmt.Fprintf(e.stdout, "unused   %s\n", i.Name)
	}
	for _, l := range c.Lacking {
		fmt.Fprintf(e.stdout, "lacking  %s  %s, used by %s\n", l.Name, strings.Join(l.Platforms, ", "), strings.Join(l.Packages, ", "))
	}
	if c.Empty() {
		fmt.Fprintf(e.stdout, "The lock file is up to date: %d locked.\n", c.Unchanged)
	}
}
