package planner

import (
	"errors"
	"fmt"
	"slices"
)

// Where builders put what they build.
const (
	// OutputStore is this machine's store.
	OutputStore = "store"
	// OutputRegistry is the registry: a builder pushes each image by its digest,
	// and others take it from there. The store has no part in it.
	OutputRegistry = "registry"
)

// checkOutput refuses options that need images on this machine when these go
// past it.
func (o Options) checkOutput() error {
	switch o.Output {
	case "", OutputStore:
		return nil
	case OutputRegistry:
	default:
		return fmt.Errorf("builds cannot be put into %q: use %s or %s", o.Output, OutputStore, OutputRegistry)
	}
	switch {
	case !o.Push:
		return errors.New("builders that put images into the registry push them, and nothing is to be pushed")
	case o.Load:
		return errors.New("to load images they must be in the store, and builders put them into the registry")
	case o.Pull:
		return errors.New("to pull into the store and to leave it out contradict each other")
	case o.SkipBuild:
		return errors.New("what exists is pushed from the store, which is left out when builders put images into the registry")
	}
	return nil
}

// direct reports whether builders push what they build.
func (m *maker) direct() bool { return m.opts.Output == OutputRegistry }

// stepOutput is Step.Output of steps whose image does not pass the store.
func (m *maker) stepOutput() string {
	if m.direct() {
		return OutputRegistry
	}
	return ""
}

// store is the catalog of the store, nil when it is left out: no builder could
// take what it has from the registry.
func (m *maker) store() Catalog {
	if m.direct() {
		return nil
	}
	return m.ports.Store
}

// addDirectPushes adds a push for every package that is built and not
// selected: what builders push by digest is found again by its tag alone.
func (m *maker) addDirectPushes(l *stepList, built map[string][]string) {
	for _, p := range m.r.Packages {
		if len(built[p.Name]) == 0 || slices.Contains(m.opts.Packages, p.Name) {
			continue
		}
		l.add(Step{
			ID: "push:" + p.Name, Kind: KindPush, Package: p.Name, Needs: built[p.Name],
			NoIndex: m.opts.NoIndex, Output: OutputRegistry,
		})
		m.refuseDirty(p)
	}
}

// refuseLocal notes packages for which images would have to be on this
// machine: selected ones with outputs, and those built with archives of images.
func (m *maker) refuseLocal(built map[string][]string) {
	for _, p := range m.r.Packages {
		d := Diagnostic{Severity: "error", Package: p.Name}
		switch {
		case len(p.Outputs) > 0 && slices.Contains(m.opts.Packages, p.Name):
			d.Summary = fmt.Sprintf("Package %s has outputs, and its images do not come to this machine", p.Name)
			d.Detail = "Outputs are written from the store, which builds that go into the registry leave out. Select other packages, or plan this one without --output registry."
		case len(p.Archives) > 0 && len(built[p.Name]) > 0:
			d.Summary = fmt.Sprintf("Package %s is built with an archive of images, and these do not come to this machine", p.Name)
			d.Detail = "Archives are made from the store, which builds that go into the registry leave out. Build it without --output registry and --push it; what depends on it takes it from the registry then."
		default:
			continue
		}
		m.diags = append(m.diags, d)
	}
}
