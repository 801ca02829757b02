package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// ChangeReport says what separates a workspace from an earlier state of it,
// whatever has been built of either.
type ChangeReport struct {
	FormatVersion  string        `json:"format_version"`
	StowageVersion string        `json:"stowage_version"`
	Since          SinceInfo     `json:"since"`
	Workspace      WorkspaceInfo `json:"workspace"`
	// Packages are those that differ: dependencies before dependents, removed
	// ones last.
	Packages []PackageChange `json:"packages"`
	// Unchanged is how many of those selected do not.
	Unchanged int `json:"unchanged"`
}

// SinceInfo is the earlier state.
type SinceInfo struct {
	// Revision is as it was asked for, Commit the object id.
	Revision string `json:"revision"`
	Commit   string `json:"commit"`
}

// ChangeKind is what became of a package.
type ChangeKind string

// The kinds of changes.
const (
	ChangeAdded   ChangeKind = "added"
	ChangeRemoved ChangeKind = "removed"
	// ChangeRebuilt packages have other inputs, another reference or more
	// platforms.
	ChangeRebuilt ChangeKind = "rebuilt"
)

// PackageChange is one package that differs.
type PackageChange struct {
	Name   string     `json:"name"`
	Change ChangeKind `json:"change"`
	// Reason and Changes are as in a Step, of packages rebuilt.
	Reason  Reason   `json:"reason,omitempty"`
	Changes []string `json:"changes,omitempty"`
	// Platforms are those to be built anew.
	Platforms []string `json:"platforms,omitempty"`
	// Ref is what the package comes out as, OldRef what it did.
	Ref    string `json:"ref,omitempty"`
	OldRef string `json:"old_ref,omitempty"`
}

// Since compares the packages with the names, of those of now and those that
// are gone, with the earlier state old. old is nil when there was no workspace
// then. With names nil all are compared.
func Since(old, now *Resolved, names []string) (*ChangeReport, error) {
	selected := func(name string) bool { return names == nil || slices.Contains(names, name) }
	report := &ChangeReport{
		FormatVersion: FormatVersion, Packages: []PackageChange{},
		Workspace: WorkspaceInfo{Name: now.Workspace.Name, Registry: now.Workspace.Registry},
	}
	order, err := now.Graph.Order()
	if err != nil {
		return nil, fmt.Errorf("order the packages: %w", err)
	}
	was := map[string]*Package{}
	if old != nil {
		maps.Copy(was, old.byName)
	}
	for _, name := range order {
		p := now.Package(name)
		if !selected(name) {
			continue
		}
		report.Workspace.Dirty = report.Workspace.Dirty || p.Dirty
		if change := p.since(was[name]); change != nil {
			report.Packages = append(report.Packages, *change)
		} else {
			report.Unchanged++
		}
	}
	for _, name := range sortedKeys(was) {
		if now.Package(name) == nil && names == nil {
			report.Packages = append(report.Packages, PackageChange{Name: name, Change: ChangeRemoved, OldRef: was[name].Ref()})
		}
	}
	return report, nil
}

// since says how p differs from what it was, nil if it does not.
func (p *Package) since(old *Package) *PackageChange {
	c := &PackageChange{Name: p.Name, Change: ChangeAdded, Platforms: p.Platforms, Ref: p.Ref()}
	if old == nil {
		return c
	}
	c.Change, c.OldRef = ChangeRebuilt, old.Ref()
	switch sameTag := p.Ref() == old.Ref(); {
	case p.Hash != old.Hash && !(sameTag && !contentMode(p.Package) && !p.Dirty):
		c.Reason, c.Changes, _ = compare(old.Inputs, p.Inputs, p.Context)
		return c
	case !sameTag:
		c.Reason, c.Changes = ReasonMissing, []string{"ref " + p.Ref()}
		return c
	}
	c.Platforms = nil
	for _, platform := range p.Platforms {
		if !old.HasPlatform(platform) {
			c.Platforms = append(c.Platforms, platform)
			c.Changes = append(c.Changes, "platform "+platform)
		}
	}
	if c.Platforms == nil {
		return nil
	}
	c.Reason = ReasonPlatformMissing
	return c
}

// Count returns how many packages changed in a way.
func (r *ChangeReport) Count(kind ChangeKind) int {
	n := 0
	for _, p := range r.Packages {
		if p.Change == kind {
			n++
		}
	}
	return n
}

// Marshal returns the report's JSON form, indented, with a final newline.
func (r *ChangeReport) Marshal() ([]byte, error) { return marshal(r) }

// UnmarshalInputs reads inputs as they are kept beside an image.
func UnmarshalInputs(data []byte) (*Inputs, error) {
	in := &Inputs{}
	if err := json.Unmarshal(data, in); err != nil {
		return nil, fmt.Errorf("read inputs: %w", err)
	}
	if sum(in.List) != in.Hash {
		return nil, fmt.Errorf("read inputs: their hash is %s, and they say %s", sum(in.List), in.Hash)
	}
	return in, nil
}
