package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/programs"
	"github.com/stowage-build/stowage/internal/bench/services"
)

func main() {
	size := flag.Int64("mib", 1024, "the image's size, in MiB")
	layers := flag.Int("layers", 4, "of how many layers it is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *size<<20, *layers); err != nil {
		fmt.Fprintln(os.Stderr, "big:", err)
		os.Exit(1)
	}
}

// bench is what is measured.
type bench struct {
	dir, root string
	size      int64
	layers    int
	stowage   string
	env       []string
	registry  *services.Registry
	daemon    *services.Daemon
	table     measure.Table
}

// settled is how long a file must have been left alone before Stowage
// remembers its digest.
const settled = 2 * time.Second

func run(ctx context.Context, out io.Writer, size int64, layers int) (err error) {
	b := &bench{size: size, layers: layers}
	if b.dir, err = os.MkdirTemp("", "stowage-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	bin, err := programs.Build(ctx, filepath.Join(b.dir, "bin"), programs.Stowage, programs.Buildkitd)
	if err != nil {
		return err
	}
	b.stowage, b.root = bin.Path(programs.Stowage), filepath.Join(b.dir, "workspace")
	if b.env, err = programs.Environ(filepath.Join(b.dir, "home")); err != nil {
		return err
	}
	if b.registry, err = services.StartRegistry(filepath.Join(b.dir, "registry")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.registry.Stop()) }()
	b.daemon, err = services.StartDaemon(ctx, services.DaemonOptions{
		Program: bin.Path(programs.Buildkitd), Dir: filepath.Join(b.dir, "buildkit"), Registry: b.registry.Host,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.daemon.Stop()) }()
	fmt.Fprintf(out, "%d MiB in %d layers, %s\n", size>>20, layers, measure.Machine())
	return b.measure(ctx, out)
}

// measure goes the image's way.
func (b *bench) measure(ctx context.Context, out io.Writer) error {
	if err := b.write("first"); err != nil {
		return err
	}
	if err := b.generate(); err != nil {
		return err
	}
	time.Sleep(settled)
	b.table = measure.NewTable(out, "step", "s", "CPU s", "daemon's CPU s", "peak MiB",
		"Stowage read / written", "at least", "daemon read / written", "at least", "registry got / gave", "at least")
	for _, step := range []struct {
		name                     string
		prepare                  func() error
		args                     []string
		client, daemon, registry string
	}{
		// Stowage: hash the files; read and send them; get and write the layers.
		// The daemon: get and write files; copy them into layers; pack these;
		// read and send them.
		{"files → store", nil, []string{"--offline"}, "3 / 2", "4 / 4", "0 / 0"},
		{"store → registry", nil, []string{"--push", "--allow-dirty"}, "1 / 1", "0 / 0", "1 / 0"},
		{"store → second repository", func() error { return b.write("first", "second") }, []string{"--push", "--allow-dirty"}, "0 / 0", "0 / 0", "0 / 0"},
		{"nothing to do", nil, []string{"--push", "--allow-dirty"}, "0 / 0", "0 / 0", "0 / 0"},
	} {
		if step.prepare != nil {
			if err := step.prepare(); err != nil {
				return err
			}
		}
		if err := b.step(ctx, step.name, step.args, [3]string{step.client, step.daemon, step.registry}); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	fmt.Fprintln(out)
	return nil
}

// step runs apply and prints a row.
func (b *bench) step(ctx context.Context, name string, flags []string, least [3]string) error {
	args := append([]string{b.stowage, "apply", "--progress", "quiet", "--builder", b.daemon.Endpoint, "--store", filepath.Join(b.dir, "store")}, flags...)
	before, err := b.daemon.Process().Usage()
	if err != nil {
		return err
	}
	asked := b.registry.Traffic()
	used, err := measure.Command{Dir: b.root, Env: b.env, Args: args}.Run(ctx)
	if err != nil {
		return err
	}
	after, err := b.daemon.Process().Usage()
	if err != nil {
		return err
	}
	daemon, registry := after.Since(before), b.registry.Traffic().Since(asked)
	b.table.Row(name, fmt.Sprintf("%.2f", used.Wall.Seconds()), fmt.Sprintf("%.2f", used.CPU.Seconds()), fmt.Sprintf("%.2f", daemon.CPU.Seconds()), measure.MiB(used.Peak),
		b.times(used.Read, used.Written), least[0], b.times(daemon.Read, daemon.Written), least[1], b.times(registry.Received, registry.Sent), least[2])
	return nil
}

// times prints two numbers of bytes as multiples of the image's.
func (b *bench) times(one, other int64) string {
	return fmt.Sprintf("%.3f / %.3f", float64(one)/float64(b.size), float64(other)/float64(b.size))
}

// write declares packages of the same files.
func (b *bench) write(packages ...string) error {
	var config strings.Builder
	fmt.Fprintf(&config, "workspace {\n  name      = \"bench\"\n  registry  = %q\n  platforms = [\"linux/%s\"]\n}\n", b.registry.Host+"/bench", runtime.GOARCH)
	var dockerfile strings.Builder
	dockerfile.WriteString("FROM scratch\n")
	for i := range b.layers {
		fmt.Fprintf(&dockerfile, "COPY part%d /\n", i)
	}
	for _, name := range packages {
		fmt.Fprintf(&config, "package %q {\n  context           = \"files\"\n  dockerfile_inline = %q\n}\n", name, dockerfile.String())
	}
	if err := os.MkdirAll(filepath.Join(b.root, "files"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.root, "stowage.hcl"), []byte(config.String()), 0o644)
}

// generate writes a file for each layer, of bytes that cannot be compressed.
func (b *bench) generate() error {
	random := rand.NewChaCha8([32]byte{})
	for i := range b.layers {
		f, err := os.Create(filepath.Join(b.root, "files", fmt.Sprint("part", i)))
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, random, b.size/int64(b.layers))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
