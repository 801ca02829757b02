package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func storeExportCommand(e *env) *cobra.Command {
	var opts stowage.ExportOptions
	var file string
	cmd := &cobra.Command{
		Use:   "export -o FILE REF…",
		Short: "Write images into an archive",
		Long: `Write images into one file, checking every byte against its digest:

  oci-archive      an OCI image layout in a tar file, with all platforms and
                   attestations; skopeo, podman, buildah, nerdctl and stowage
                   store import read it
  docker-archive   what docker save writes and docker load reads; one platform
                   of each image, by default this machine's

The file appears under its name when it is complete. FILE - is standard output.`,
		Example: `  stowage store export -o app.tar ghcr.io/acme/app:v1
  stowage store export -o all.tar '*'
  stowage store export --format docker-archive --platform linux/arm64 -o - '*/app:v1' | ssh board docker load`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: e.completeRefs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", opts.Format, stowage.FormatOCI, stowage.FormatDocker); err != nil {
				return err
			}
			if file == "" {
				return errors.New("say where to write the archive with -o FILE")
			}
			if file == "-" && isTerminal(e.stdout) {
				return errors.New("an archive is not for a terminal: write it to a file or a pipe")
			}
			store, err := e.localStore()
			if err != nil {
				return err
			}
			defer store.Close()
			return e.export(cmd.Context(), store, file, args, opts)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "output", "o", "", "write to `FILE`")
	f.StringVar(&opts.Format, "format", stowage.FormatOCI, "write an oci-archive or a docker-archive")
	f.StringSliceVar(&opts.Platforms, "platform", nil, "export only `PLATFORM`; may be repeated")
	return cmd
}

// export writes the archive beside its place and moves it there. What is no
// file, such as a pipe, is written to.
func (e *env) export(ctx context.Context, store *stowage.LocalStore, file string, refs []string, opts stowage.ExportOptions) error {
	if file == "-" {
		_, err := store.Export(ctx, e.stdout, refs, opts)
		return err
	}
	path := e.path(file)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return e.exportTo(ctx, store, path, refs, opts)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	images, err := store.Export(ctx, f, refs, opts)
	if err == nil {
		err = f.Chmod(0o644)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return e.printArchived("exported", images)
}

func (e *env) exportTo(ctx context.Context, store *stowage.LocalStore, path string, refs []string, opts stowage.ExportOptions) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	images, err := store.Export(ctx, f, refs, opts)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return e.printArchived("exported", images)
}

func storeImportCommand(e *env) *cobra.Command {
	var opts stowage.ImportOptions
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Read images from archives",
		Long: `Put the images of archives into the store: of oci-archives, and of
docker-archives such as docker save writes, also when compressed by gzip or zstd.
FILE - is standard input.

Images keep their names. Those that the store has already are replaced; of a
package with the same input hash, platforms that are only in the store stay. An
archive that is cut off or damaged changes nothing in the store's index.`,
		Example: `  stowage store import app.tar
  docker save alpine:3.20 | stowage store import -
  stowage store import --ref ghcr.io/acme/app:v1 unnamed.tar`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.Ref != "" && len(args) > 1 {
				return errors.New("--ref names the image of one archive: import them one by one")
			}
			store, err := e.localStore()
			if err != nil {
				return err
			}
			defer store.Close()
			for _, file := range args {
				images, err := e.importFrom(cmd.Context(), store, file, opts)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				if err := e.printArchived("imported", images); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.Ref, "ref", "", "call the archive's only image `REF`")
	f.StringSliceVar(&opts.Platforms, "platform", nil, "import only `PLATFORM`; may be repeated")
	return cmd
}

func (e *env) importFrom(ctx context.Context, store *stowage.LocalStore, file string, opts stowage.ImportOptions) ([]stowage.ArchivedImage, error) {
	var from io.Reader = os.Stdin
	if file != "-" {
		f, err := os.Open(e.path(file))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	return store.Import(ctx, from, opts)
}

func (e *env) printArchived(did string, images []stowage.ArchivedImage) error {
	for _, i := range images {
		if _, err := fmt.Fprintf(e.stdout, "%s  %s  %s (%s)\n", did, i.Ref, i.Digest, strings.Join(i.Platforms, ", ")); err != nil {
			return err
		}
	}
	return nil
}
