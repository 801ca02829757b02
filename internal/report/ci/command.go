package ci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// maxNamed is how many packages a command names; beyond that it selects as the
// plan did, so that no command line is too long for a shell.
const maxNamed = 500

// job makes a group a job. By graph, what it builds and the plan does not
// select is built for the job's own use; by waves, the next needs it.
func (s *splitter) job(g group, by By) Job {
	names := g.packages()
	if by == ByGraph {
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(s.plan.Selection, n) })
	}
	words := s.apply()
	if s.push {
		words += " --push"
		if by == ByGraph {
			words += " --no-index"
		}
		if s.plan.Options["output"] == planner.OutputRegistry {
			words += " --output " + planner.OutputRegistry
		}
	}
	platforms := g.platforms()
	words += " --platform " + Quote(strings.Join(platforms, ","))
	return Job{
		Name: jobName(names, platforms), Platforms: platforms, Packages: names, EstimateMS: g.estimate(),
		Command: words + " " + quoteAll(names),
	}
}

func jobName(names, platforms []string) string {
	name := ""
	if len(names) > 0 {
		name = names[0]
	}
	if len(names) > 1 {
		name += fmt.Sprintf(" and %d more", len(names)-1)
	}
	return name + " " + strings.Join(platforms, ", ")
}

// finish are the commands that make of the jobs' images what one apply would
// have made of what was selected: indexes, then moving tags. Other packages that
// builders have pushed may lack platforms that no job needed.
func (s *splitter) finish() []string {
	if !s.push {
		return nil
	}
	set, tags := map[string]bool{}, false
	for _, step := range s.plan.Steps {
		if step.Output == planner.OutputRegistry && !slices.Contains(s.plan.Selection, step.Package) {
			continue
		}
		switch step.Kind {
		case planner.KindPush:
			set[step.Package] = true
		case planner.KindTag:
			set[step.Package], tags = true, true
		}
	}
	if len(set) == 0 {
		return nil
	}
	names := quoteAll(slices.Sorted(maps.Keys(set)))
	if len(set) > maxNamed {
		names = s.selection()
	}
	commands := []string{"stowage index" + s.flags + " " + names}
	if !tags {
		return commands
	}
	apply := s.apply() + " --push --skip-build"
	if release, ok := s.plan.Options["release"].(string); ok && release != "" {
		apply += " --release " + Quote(release)
	}
	return append(commands, apply+" "+names)
}

// selection is what the plan was asked for.
func (s *splitter) selection() string {
	var args []string
	given, _ := s.plan.Options["packages"].([]any)
	for _, arg := range given {
		if text, ok := arg.(string); ok {
			args = append(args, text)
		}
	}
	if len(args) == 0 {
		return "'*'"
	}
	return quoteAll(args)
}

// flags are the plan's that every command must have: they decide hashes. What
// came from files or the environment must be there in every job.
func flags(p *planner.Plan) string {
	text := ""
	values, _ := p.Options["vars"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text += " --var " + Quote(fmt.Sprintf("%s=%v", name, values[name]))
	}
	return text
}

// apply begins a command that builds or publishes.
func (s *splitter) apply() string {
	text := "stowage apply" + s.flags
	if at, ok := s.plan.Options["at"].(string); ok {
		text += " --at " + Quote(at)
	}
	return text
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}

// Quote makes a word one for a POSIX shell, as it is where that is safe.
func Quote(word string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./,:=@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !safe(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
