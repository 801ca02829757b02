package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/report"
)

func storeCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look at and tend the local store",
		Long: `The store is an OCI image layout: the directory --store, STOWAGE_STORE, or
stowage in the user's cache directory. Any OCI tool reads it, for example
skopeo inspect oci:DIR:REF.

Any number of processes may use it at once, and what one of them uses no other
collects.

REF is a reference as stowage store ls prints it, or a pattern: * stands for any
characters, slashes too, and ? for any one.`,
		Example: "  stowage store ls\n  stowage store verify\n  stowage store gc --older-than 30d",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		storeListCommand(e), storeVerifyCommand(e), storePullCommand(e), storePushCommand(e),
		storeExportCommand(e), storeImportCommand(e), storeRemoveCommand(e), storeCollectCommand(e),
	)
	return cmd
}

// openStore opens the store without a workspace, to read it.
func (e *env) openStore() (*layout.Store, error) { return layout.Open(e.storeDir()) }

func (e *env) storeDir() string { return cmp.Or(e.store, stowage.DefaultStoreDir(os.LookupEnv)) }

// warnOfDamage says that the store has lost what was in it.
func (e *env) warnOfDamage(store interface{ Damage() (damage, err error) }) error {
	damage, err := store.Damage()
	if damage != nil {
		fmt.Fprintf(e.stderr, "Warning: %v; this is what it said before its last change. stowage apply repairs it.\n", damage)
	}
	return err
}

func storeListCommand(e *env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List what is in the store",
		Example: "  stowage store ls\n  stowage store ls --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			store, err := e.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			if err := e.warnOfDamage(store); err != nil {
				return err
			}
			entries, err := store.List(cmd.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				enc := json.NewEncoder(e.stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(entries)
			}
			t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
			for _, entry := range entries {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", entry.Ref, strings.Join(entry.Platforms, ","), report.Bytes(entry.Size), entry.Digest)
			}
			return t.Flush()
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	return cmd
}

func storeVerifyCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Read and hash everything in the store",
		Long: `Read and hash everything that the store's index refers to, and list what is
missing or damaged. The exit code is 1 when anything is. What dead processes left
half written is named too, and does no harm: stowage store gc removes it. A blob
whose content is not what its name says is made empty, so that every process knows.
The next stowage apply repairs the store's index and builds damaged images again;
those that a registry has, stowage apply --pull gets from there.`,
		Example: "  stowage store verify",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := e.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			problems, err := store.Verify(cmd.Context())
			if err != nil {
				return err
			}
			damaged := 0
			for _, p := range problems {
				fmt.Fprintln(e.stdout, p)
				if p.Fault != layout.FaultLeftover {
					damaged++
				}
			}
			if damaged > 0 {
				return fmt.Errorf("problems in the store %s: %d; stowage apply builds again what is damaged, and apply --pull gets what a registry has", store.Dir(), damaged)
			}
			fmt.Fprintln(e.stdout, "The store is sound.")
			return nil
		},
	}
}
