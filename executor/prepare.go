package executor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/planner"
)

// prepare makes tasks of the plan's steps, in order of wave and id. It finds
// everything that can be known to be wrong before anything has started.
func prepare(plan *planner.Plan, specs Specs, ports Ports, opts Options) ([]*task, error) {
	if err := applicable(plan, opts); err != nil {
		return nil, err
	}
	p := &preparation{specs: specs, ports: ports, byID: map[string]*task{}}
	p.addTasks(plan)
	for _, t := range p.tasks {
		p.check(t)
	}
	p.link()
	if len(p.problems) == 0 {
		p.setStages(opts.Schedule)
		p.setContents()
		p.checkOrder()
	}
	return p.tasks, errors.Join(p.problems...)
}

// applicable refuses plans that are not to be applied.
func applicable(plan *planner.Plan, opts Options) error {
	if plan == nil {
		return errors.New("there is no plan")
	}
	if opts.Schedule != ScheduleEager && opts.Schedule != ScheduleWaves {
		return fmt.Errorf("unknown schedule %q: use %q or %q", opts.Schedule, ScheduleEager, ScheduleWaves)
	}
	idle := !slices.ContainsFunc(plan.Steps, func(s planner.Step) bool { return s.Kind != planner.KindReuse })
	if !plan.Errored && (plan.Applyable || idle) {
		return nil
	}
	for _, d := range plan.Diagnostics {
		if d.Severity == "error" {
			return fmt.Errorf("the plan has errors: %s", strings.TrimSpace(d.Summary+": "+d.Detail))
		}
	}
	return errors.New("the plan is marked as not applyable")
}

// preparation is what prepare works on.
type preparation struct {
	specs    Specs
	ports    Ports
	tasks    []*task
	byID     map[string]*task
	problems []error
}

func (p *preparation) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf(format, args...))
}

func (p *preparation) addTasks(plan *planner.Plan) {
	packages := map[string]planner.PackageInfo{}
	for _, pkg := range plan.Packages {
		packages[pkg.Name] = pkg
	}
	steps := slices.SortedFunc(slices.Values(plan.Steps), func(a, b planner.Step) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.ID, b.ID))
	})
	for i, s := range steps {
		pkg, ok := packages[s.Package]
		switch {
		case p.byID[s.ID] != nil:
			p.problem("step %s is in the plan twice", s.ID)
			continue
		case !ok:
			p.problem("step %s is about package %q, which the plan does not have", s.ID, s.Package)
		}
		t := &task{step: s, pkg: pkg, order: i, builder: -1, avoid: -1}
		p.tasks = append(p.tasks, t)
		p.byID[s.ID] = t
	}
}

// check looks for what the step cannot do without.
func (p *preparation) check(t *task) {
	s := t.step
	switch s.Kind {
	case planner.KindBuild:
		p.checkBuild(t)
	case planner.KindPull:
		p.require(t, p.ports.Store != nil, "store")
		p.require(t, p.ports.Registry != nil, "registry")
	case planner.KindIndex:
		p.require(t, p.ports.Store != nil, "store")
	case planner.KindPush, planner.KindTag:
		p.require(t, p.ports.Registry != nil, "registry")
		p.checkDirect(t)
	case planner.KindLoad:
		p.require(t, p.ports.Store != nil, "store")
		p.require(t, p.ports.Loader != nil, "container engine")
	case planner.KindReuse:
	default:
		p.problem("step %s is of unknown kind %q", s.ID, s.Kind)
	}
}

func (p *preparation) require(t *task, there bool, what string) {
	if !there {
		p.problem("step %s needs a %s, and there is none", t.step.ID, what)
	}
}

func (p *preparation) checkBuild(t *task) {
	p.require(t, p.ports.Store != nil, "store")
	if !p.specify(t) {
		return
	}
	p.require(t, p.ports.Fetcher != nil || !t.spec.fetches(), "way to get images by digest")
	p.checkDirect(t)
	p.checkBuilders(t)
}

// specify finds out what the build takes, and reports whether that is known.
func (p *preparation) specify(t *task) bool {
	if p.specs == nil {
		p.problem("step %s: nothing says what to build", t.step.ID)
		return false
	}
	spec, err := p.specs.Build(t.step.Package, t.step.Platform)
	if err != nil {
		p.problem("step %s: %w", t.step.ID, err)
		return false
	}
	t.spec = spec
	return true
}

// checkBuilders looks for a builder that suits the build.
func (p *preparation) checkBuilders(t *task) {
	work := t.work(nil, 0)
	if slices.ContainsFunc(p.ports.Builders, func(b BuilderPort) bool { return b.place().Suits(work) }) {
		return
	}
	p.problems = append(p.problems, unsuited(t, p.ports.Builders)...)
}

// unsuited says why none of the builders suits a build.
func unsuited(t *task, builders []BuilderPort) []error {
	work := t.work(nil, 0)
	var problems []error
	for _, b := range builders {
		if b.place().Meant(work) {
			problems = append(problems, fmt.Errorf("step %s: %s", t.step.ID, lacks(b, b.place().CannotRun(work))))
		}
	}
	if len(problems) == 0 {
		return []error{fmt.Errorf("step %s: no builder builds for %s%s; there is %s", t.step.ID, t.step.Platform, onNative(t.spec), describe(builders))}
	}
	return problems
}

// lacks says that a builder cannot run programs of platforms, and what would
// help.
func lacks(b BuilderPort, platforms []string) string {
	text := fmt.Sprintf("builder %s cannot run programs for %s, which RUN instructions are; it runs those for %s",
		b.Name, strings.Join(platforms, " and "), strings.Join(b.Runs, ", "))
	if b.Lacks == nil {
		return text
	}
	for _, platform := range platforms {
		text += ". " + b.Lacks(platform)
	}
	return text
}

func onNative(spec *BuildSpec) string {
	if spec.NativeOnly == "" {
		return ""
	}
	return " on a native platform of " + spec.NativeOnly + ", which its Dockerfile wants of $BUILDPLATFORM"
}

func describe(builders []BuilderPort) string {
	if len(builders) == 0 {
		return "no builder at all"
	}
	var out []string
	for _, b := range builders {
		text := "builder " + b.Name
		if len(b.Platforms) > 0 {
			text += " for " + strings.Join(b.Platforms, " and ")
		}
		if len(b.Except) > 0 {
			text += " for others than " + strings.Join(b.Except, " and ")
		}
		if b.Native != "" {
			text += " (native " + b.Native + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// link connects the tasks by what they need.
func (p *preparation) link() {
	for _, t := range p.tasks {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(t.step.Needs))) {
			need := p.byID[id]
			if need == nil {
				p.problem("step %s needs %s, which is not in the plan", t.step.ID, id)
				continue
			}
			if need.step.Kind == planner.KindTag && t.step.Kind != planner.KindTag {
				p.problem("step %s needs %s, but tags move after everything else", t.step.ID, id)
			}
			t.needs = append(t.needs, need)
			need.dependents = append(need.dependents, t)
		}
	}
}

// checkOrder finds steps that need each other.
func (p *preparation) checkOrder() {
	g := graph.New()
	for _, t := range p.tasks {
		g.AddNode(t.step.ID)
		for _, need := range t.needs {
			g.AddEdge(t.step.ID, need.step.ID)
		}
	}
	if _, err := g.Waves(); err != nil {
		p.problem("the plan's steps cannot be ordered: %w", err)
	}
}

// setStages numbers the tasks by what must have ended before. Tags come after
// everything else. A stage is never below that of a need, whatever the waves
// say, so that no stage can wait for a later one.
func (p *preparation) setStages(schedule Schedule) {
	last := 1
	if schedule == ScheduleWaves && len(p.tasks) > 0 {
		last = max(last, p.tasks[len(p.tasks)-1].step.Wave+1)
	}
	raised := make([]*task, 0, len(p.tasks))
	for _, t := range p.tasks {
		switch {
		case t.step.Kind == planner.KindTag:
			t.stage = last
		case schedule == ScheduleWaves:
			t.stage = max(t.step.Wave, 0)
		}
		raised = append(raised, t)
	}
	for len(raised) > 0 {
		t := raised[len(raised)-1]
		raised = raised[:len(raised)-1]
		for _, d := range t.dependents {
			if d.stage < t.stage {
				d.stage = t.stage
				raised = append(raised, d)
			}
		}
	}
}

// setContents finds, for every package, the platforms whose images the store
// will have, and whether a push may replace what the registry has.
func (p *preparation) setContents() {
	stored := map[string][]string{}
	anew := map[string]bool{}
	for _, t := range p.tasks {
		s := t.step
		switch s.Kind {
		case planner.KindReuse:
			if s.FoundIn != "store" {
				continue
			}
		case planner.KindBuild:
			if s.Reason == planner.ReasonForced || s.Reason == planner.ReasonDamaged {
				anew[s.Package] = true
			}
		case planner.KindPull:
		default:
			continue
		}
		stored[s.Package] = append(stored[s.Package], s.Platform)
	}
	for _, t := range p.tasks {
		for _, platform := range t.pkg.Platforms {
			if slices.Contains(stored[t.step.Package], platform) {
				t.platforms = append(t.platforms, platform)
			}
		}
		t.anew = anew[t.step.Package]
		t.overwrite = t.anew || !namesHash(t.pkg)
	}
}

// namesHash reports whether the package's tag names its input hash: then what
// is found under it is the same package, and stays.
func namesHash(pkg planner.PackageInfo) bool {
	return len(pkg.Hash) >= 40 && strings.Contains(pkg.Tag, pkg.Hash[:40])
}
