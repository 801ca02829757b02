package ci

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// The most jobs that may be: all matrices of a run on GitHub have no more, and
// in GitLab the last job is one of as many.
const (
	MaxGitHub = 256
	MaxGitLab = MaxGitHub - 1
)

// By says how a plan is split into jobs.
type By string

// The ways to split. By graph is for packages that depend little on each
// other: jobs need each other in no way. By waves is for those that all hang on
// one base.
const (
	ByGraph By = "graph"
	ByWaves By = "waves"
)

// Job is what one machine does.
type Job struct {
	Name      string
	Platforms []string
	Packages  []string
	// EstimateMS is how long its builds take one after another, in
	// milliseconds, as far as known.
	EstimateMS int64
	Command    string
}

// Jobs is a plan as jobs.
type Jobs struct {
	// Waves are jobs that may run at once; each waits for the one before.
	Waves [][]Job
	// Finish are the commands to run when all jobs are done, none if the plan
	// pushes nothing.
	Finish []string
}

// Count is how many jobs there are, without the last one.
func (j *Jobs) Count() int {
	n := 0
	for _, wave := range j.Waves {
		n += len(wave)
	}
	return n
}

// Options say how a plan is split, and what the commands have that is not in
// the plan.
type Options struct {
	By By
	// Limit is the most jobs, of all waves and without the last one.
	Limit int
	// Waves is the most waves, 0 as many as there are; the last has what is left
	// of them.
	Waves int
	// Dir is where the workspace is, from where the commands are run; "" is
	// there.
	Dir string
	// At is the time of the plan, RFC 3339, where that decides hashes and the
	// plan does not say it; "" where it does not.
	At string
	// BuildArgFiles, Builders and Allow are values of the flags of these names.
	BuildArgFiles, Builders, Allow []string
}

// Split splits a plan's builds into jobs. With a push, what only this machine's
// store has is built again: jobs share nothing but the registry. A plan that
// must not be applied is an error.
func Split(p *planner.Plan, opts Options) (*Jobs, error) {
	if p.Errored {
		return nil, fmt.Errorf("make jobs of the plan: it has errors; stowage plan prints them")
	}
	push, _ := p.Options["push"].(bool)
	s := splitter{plan: p, push: push, opts: opts}
	var groups [][]group
	if opts.By == ByWaves {
		groups = s.waves()
	} else if ids, steps := s.builds(); len(ids) > 0 {
		groups = [][]group{components(ids, steps)}
	}
	jobs := &Jobs{Waves: [][]Job{}}
	for _, wave := range pack(groups, opts.Limit) {
		var list []Job
		for _, g := range wave {
			list = append(list, s.job(g, opts.By))
		}
		unique(list)
		jobs.Waves = append(jobs.Waves, list)
	}
	jobs.Finish = s.finish()
	return jobs, nil
}

// splitter splits one plan.
type splitter struct {
	plan *planner.Plan
	push bool
	opts Options
}

// group is builds that one job does.
type group struct {
	steps []planner.Step
}

func (g group) estimate() int64 {
	var sum int64
	for _, s := range g.steps {
		sum += max(s.EstimateMS, 1)
	}
	return sum
}

func (g group) platforms() []string {
	return distinct(g.steps, func(s planner.Step) string { return s.Platform })
}

func (g group) packages() []string {
	return distinct(g.steps, func(s planner.Step) string { return s.Package })
}

func distinct(steps []planner.Step, of func(planner.Step) string) []string {
	set := map[string]bool{}
	for _, s := range steps {
		set[of(s)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// builds are the plan's builds by id, and with a push what is in the store
// alone: no other machine has it.
func (s *splitter) builds() (ids []string, steps map[string]planner.Step) {
	steps = map[string]planner.Step{}
	pushed := map[string]bool{}
	for _, step := range s.plan.Steps {
		if step.Kind == planner.KindPush {
			pushed[step.Package] = true
		}
	}
	for _, step := range s.plan.Steps {
		stored := step.Kind == planner.KindReuse && step.FoundIn == "store" && pushed[step.Package]
		if step.Kind == planner.KindBuild || stored {
			ids = append(ids, step.ID)
			steps[step.ID] = step
		}
	}
	return ids, steps
}

// components are builds that hang together, ids of steps. A command builds all of its
// packages for all of its platforms, so where several platforms hang together
// all platforms of those packages do.
func components(ids []string, steps map[string]planner.Step) []group {
	sets := newSets()
	for _, id := range ids {
		for _, need := range steps[id].Needs {
			if _, ok := steps[need]; ok {
				sets.join(id, need)
			}
		}
	}
	for joined := true; joined; {
		joined = false
		mixed := map[string]string{} // the set that has a package for several platforms
		for _, g := range collect(ids, steps, sets) {
			if len(g.platforms()) > 1 {
				for _, name := range g.packages() {
					mixed[name] = g.steps[0].ID
				}
			}
		}
		for _, id := range ids {
			if with, ok := mixed[steps[id].Package]; ok {
				joined = sets.join(id, with) || joined
			}
		}
	}
	return collect(ids, steps, sets)
}

func collect(ids []string, steps map[string]planner.Step, sets *sets) []group {
	at := map[string]int{}
	var groups []group
	for _, id := range ids {
		root := sets.root(id)
		i, ok := at[root]
		if !ok {
			i = len(groups)
			at[root] = i
			groups = append(groups, group{})
		}
		groups[i].steps = append(groups[i].steps, steps[id])
	}
	return groups
}

// waves are the builds by the number of builds that must come first, each
// package's platforms apart. In the last, if there would be more, are those that
// hang together.
func (s *splitter) waves() [][]group {
	ids, steps := s.builds()
	most := s.opts.Limit
	if s.opts.Waves > 0 {
		most = min(most, s.opts.Waves)
	}
	depth := map[string]int{}
	var waves [][]group
	var left []string
	last := map[string]planner.Step{}
	for _, id := range ids { // in order of wave: needs come first
		for _, need := range steps[id].Needs {
			if _, ok := steps[need]; ok {
				depth[id] = max(depth[id], depth[need]+1)
			}
		}
		if depth[id] >= most-1 {
			left, last[id] = append(left, id), steps[id]
			continue
		}
		for len(waves) <= depth[id] {
			waves = append(waves, nil)
		}
		waves[depth[id]] = append(waves[depth[id]], group{steps: []planner.Step{steps[id]}})
	}
	if len(left) > 0 {
		waves = append(waves, components(left, last))
	}
	return waves
}

// pack merges groups until all waves together have no more than limit: those of
// a wave for the same platforms, so that the work is even.
func pack(waves [][]group, limit int) [][]group {
	sum := 0
	for _, wave := range waves {
		sum += len(wave)
	}
	if sum <= limit {
		return waves
	}
	var parts [][]group
	var of []int // the wave of each part
	for i, wave := range waves {
		for _, part := range byPlatforms(wave) {
			parts, of = append(parts, part), append(of, i)
		}
	}
	if len(parts) > limit { // more sets of platforms than jobs
		parts, of = waves, nil
		for i := range waves {
			of = append(of, i)
		}
	}
	packed := make([][]group, len(waves))
	for i, n := range shares(parts, limit) {
		packed[of[i]] = append(packed[of[i]], even(parts[i], n)...)
	}
	return packed
}

// byPlatforms parts groups by the platforms they are for.
func byPlatforms(groups []group) [][]group {
	by := map[string][]group{}
	for _, g := range groups {
		key := strings.Join(g.platforms(), ",")
		by[key] = append(by[key], g)
	}
	var parts [][]group
	for _, key := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, by[key])
	}
	return parts
}

// shares divides limit, which is no less than there are parts, by how many groups
// each has: at least one for each, and no more than it has.
func shares(parts [][]group, limit int) []int {
	out := make([]int, len(parts))
	for i := range out {
		out[i] = 1
	}
	for range limit - len(parts) {
		most := 0 // has the most groups to a job
		for i := range parts {
			if len(parts[i])*out[most] > len(parts[most])*out[i] {
				most = i
			}
		}
		out[most] = min(out[most]+1, len(parts[most]))
	}
	return out
}

// even distributes groups to n, the longest first, each to the one with the
// least to do.
func even(groups []group, n int) []group {
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(b.estimate(), a.estimate()) })
	out := make([]group, min(n, len(groups)))
	load := make([]int64, len(out))
	for _, g := range groups {
		least := 0
		for i := range load {
			if load[i] < load[least] {
				least = i
			}
		}
		out[least].steps = append(out[least].steps, g.steps...)
		load[least] += g.estimate()
	}
	return out
}

// unique tells jobs of the same name apart: names are keys.
func unique(jobs []Job) {
	seen := map[string]int{}
	for i := range jobs {
		seen[jobs[i].Name]++
		if n := seen[jobs[i].Name]; n > 1 {
			jobs[i].Name = fmt.Sprintf("%s #%d", jobs[i].Name, n)
		}
	}
}
