package planner

import "time"

// FormatVersion is the version of the plan's JSON form. The major number
// changes when a reader of the old form would be misled.
const FormatVersion = "1.0"

// Plan says what a run would do, and why. It is plain data: it holds no
// clients, and applying it needs the resolved workspace it was made from.
type Plan struct {
	FormatVersion  string        `json:"format_version"`
	StowageVersion string        `json:"stowage_version"`
	CreatedAt      time.Time     `json:"created_at"`
	Workspace      WorkspaceInfo `json:"workspace"`
	// Selection names the packages asked for, sorted.
	Selection []string `json:"selection"`
	// Options are the options that shaped the plan, as on the command line.
	Options  map[string]any `json:"options"`
	Packages []PackageInfo  `json:"packages"`
	// Steps are sorted by wave, then id.
	Steps []Step `json:"steps"`
	// Waves[i] holds the ids of the steps of wave i+1. Reused nodes (wave 0)
	// are done already and in none.
	Waves   [][]string `json:"waves"`
	Summary Summary    `json:"summary"`
	// Applyable says that there is something to do and nothing that forbids it.
	Applyable bool `json:"applyable"`
	// Complete says that nothing selected was left out: it is false when only
	// some platforms were asked for.
	Complete    bool         `json:"complete"`
	Errored     bool         `json:"errored"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	// EstimateMS is the expected duration in milliseconds, 0 when unknown, and
	// CriticalPath the packages on the longest path.
	EstimateMS   int64    `json:"estimate_ms"`
	CriticalPath []string `json:"critical_path"`
}

// WorkspaceInfo identifies the workspace.
type WorkspaceInfo struct {
	Name     string `json:"name"`
	Registry string `json:"registry"`
	// Revision is the git commit, "" outside git.
	Revision string `json:"revision"`
	Dirty    bool   `json:"dirty"`
}

// PackageInfo is one package that the plan is about.
type PackageInfo struct {
	Name string `json:"name"`
	// Image is the repository, Ref is Image:Tag.
	Image string `json:"image"`
	Tag   string `json:"tag"`
	Ref   string `json:"ref"`
	// Hash is the input hash, 64 hex digits.
	Hash         string   `json:"hash"`
	Platforms    []string `json:"platforms"`
	Dirty        bool     `json:"dirty"`
	Dependencies []string `json:"dependencies"`
}

// Kind is what a step does.
type Kind string

// The kinds of steps.
const (
	KindBuild Kind = "build" // build one node
	KindReuse Kind = "reuse" // the node exists; nothing to do
	KindPull  Kind = "pull"  // copy a node from the registry into the store
	KindIndex Kind = "index" // write a package's multi-platform index
	KindPush  Kind = "push"  // push a package's images and index
	KindTag   Kind = "tag"   // move a tag
	KindLoad  Kind = "load"  // load into Docker
)

// Reason says why a step is in the plan. It explains; nothing is decided by it.
type Reason string

// Reasons to build (first block) and to reuse (second).
const (
	ReasonMissing           Reason = "missing"
	ReasonPlatformMissing   Reason = "platform_missing"
	ReasonInputsChanged     Reason = "inputs_changed"
	ReasonDependencyChanged Reason = "dependency_changed"
	ReasonBaseMoved         Reason = "base_moved"
	ReasonRefreshDue        Reason = "refresh_due"
	ReasonForced            Reason = "forced"
	ReasonDamaged           Reason = "damaged"

	ReasonInStore    Reason = "in_store"
	ReasonInRegistry Reason = "in_registry"
)

// Step is one thing that the plan does.
type Step struct {
	// ID is KIND:PACKAGE[:PLATFORM|:TAG].
	ID       string `json:"id"`
	Kind     Kind   `json:"kind"`
	Package  string `json:"package"`
	Platform string `json:"platform,omitempty"`
	// Tag is the moving tag of a tag step.
	Tag string `json:"tag,omitempty"`
	// Needs are ids of steps of this plan that come first, sorted.
	Needs []string `json:"needs"`
	Wave  int      `json:"wave"`
	// NoIndex says of a push step that only per-platform tags are pushed.
	NoIndex bool `json:"no_index,omitempty"`
	// Output is OutputRegistry on build steps whose builder pushes the image to
	// the registry by its digest, and on push steps of such images.
	Output string `json:"output,omitempty"`
	// Reason is set on build and reuse steps.
	Reason Reason `json:"reason,omitempty"`
	// Changes are what differs from the package's last build.
	Changes []string `json:"changes,omitempty"`
	// FoundIn is "store" or "registry" on reuse steps.
	FoundIn string `json:"found_in"`
	// Digest is the image manifest's digest on reuse and pull steps.
	Digest     string `json:"digest,omitempty"`
	EstimateMS int64  `json:"estimate_ms"`
}

// Summary counts the steps by kind.
type Summary struct {
	Build         int `json:"build"`
	ReuseStore    int `json:"reuse_store"`
	ReuseRegistry int `json:"reuse_registry"`
	Pull          int `json:"pull"`
	Index         int `json:"index"`
	Push          int `json:"push"`
	Tag           int `json:"tag"`
	Load          int `json:"load"`
}

// Diagnostic is a warning or note about the plan.
type Diagnostic struct {
	Severity string `json:"severity"` // "error", "warning" or "note"
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Package  string `json:"package,omitempty"`
	// Location is file:line,column.
	Location string `json:"location,omitempty"`
}
