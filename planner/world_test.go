package planner_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// catalog is images by reference, and how often each was asked for.
type catalog struct {
	images map[string]*planner.Image
	fail   map[string]error
	mu     sync.Mutex
	asked  map[string]int
}

func newCatalog() *catalog {
	return &catalog{images: map[string]*planner.Image{}, fail: map[string]error{}, asked: map[string]int{}}
}

func (c *catalog) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[ref]++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.images[ref], c.fail[ref]
}

// add puts a package's image for platforms into the catalog, as building or
// pushing it does.
func (c *catalog) add(p *planner.Package, platforms ...string) {
	image := c.images[p.Ref()]
	if image == nil {
		image = &planner.Image{Hash: p.Hash, Manifests: map[string]ocispec.Descriptor{}}
		c.images[p.Ref()] = image
	}
	for _, platform := range platforms {
		image.Manifests[platform] = ocispec.Descriptor{Digest: digest.FromString(p.Hash + platform)}
	}
	image.Digest = digest.FromString(fmt.Sprint(p.Hash, slices.Sorted(maps.Keys(image.Manifests)))).String()
}

// world is a resolved workspace and what has been built of it.
type world struct {
	tb              testing.TB
	r               *planner.Resolved
	store, registry *catalog
	records         records
	estimates       estimates
	opts            planner.Options
}

func newWorld(tb testing.TB, files tree) *world {
	tb.Helper()
	w := &world{tb: tb, r: resolve(tb, files), store: newCatalog(), registry: newCatalog(), records: records{}, estimates: estimates{}}
	w.selected()
	w.opts.Now, w.opts.Version = noon, "v0.1.0"
	return w
}

// selected sets what is planned for.
func (w *world) selected(args ...string) {
	w.tb.Helper()
	var err error
	if w.opts.Packages, err = w.r.Select(args, "."); err != nil {
		w.tb.Fatal(err)
	}
}

// stored and pushed put images of all platforms of packages into a catalog.
func (w *world) stored(names ...string) { w.fill(w.store, names) }

func (w *world) fill(c *catalog, names []string) {
	for _, name := range names {
		p := w.r.Package(name)
		c.add(p, p.Platforms...)
	}
}

func (w *world) ports() planner.Ports {
	return planner.Ports{Store: w.store, Registry: w.registry, Records: w.records, Estimator: w.estimates}
}

func (w *world) make() *planner.Plan {
	w.tb.Helper()
	p, err := planner.Make(context.Background(), w.r, w.ports(), w.opts)
	if err != nil {
		w.tb.Fatalf("plan: %v", err)
	}
	return p
}

// records are the inputs of earlier builds by repository.
type records map[string]*planner.Inputs

func (r records) LastInputs(_ context.Context, p *planner.Package) (*planner.Inputs, error) {
	return r[p.Repository], nil
}

// estimates are durations by node (repository:platform).
type estimates map[string]time.Duration

func (e estimates) Estimate(repository, platform string) time.Duration {
	return e[repository+":"+platform]
}

// describe is a plan's steps, one a line: wave, id, reason, needs.
func describe(p *planner.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		line := fmt.Sprintf("%d %s", s.Wave, s.ID)
		if s.Reason != "" {
			line += " " + string(s.Reason)
		}
		if len(s.Needs) > 0 {
			line += " < " + strings.Join(s.Needs, " ")
		}
		out = append(out, strings.ReplaceAll(line, "linux/", ""))
	}
	return out
}

// chain is base ← mid ← app and a package apart, for one platform.
func chain() tree {
	files := inline(map[string]string{
		"base": "", "mid": from("FROM registry.test/acme/base"), "app": from("FROM registry.test/acme/mid"), "apart": "",
	})
	files["stowage.hcl"] = strings.Replace(files["stowage.hcl"], `["linux/amd64", "linux/arm64"]`, `["linux/amd64"]`, 1)
	return files
}
