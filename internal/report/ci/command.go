package ci

import (
	"cmp"
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
	for _, option := range []string{"force", "ignore_cached"} {
		if s.has(option) {
			words += " --" + strings.ReplaceAll(option, "_", "-")
		}
	}
	for _, builder := range s.opts.Builders {
		words += " --builder " + Quote(builder)
	}
	for _, entitlement := range s.opts.Allow {
		words += " --allow " + Quote(entitlement)
	}
	if s.push {
		words += " --push"
		if by == ByGraph || s.has("no_index") {
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
	if !s.push || s.has("no_index") {
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
	index := "stowage" + s.flags("index") + s.platforms()
	if s.has("force") {
		index += " --force"
	}
	commands := []string{index + " " + names}
	if !tags {
		return commands
	}
	apply := s.apply() + " --push --skip-build" + s.platforms()
	if release, ok := s.plan.Options["release"].(string); ok && release != "" {
		apply += " --release " + Quote(release)
	}
	return append(commands, apply+" "+names)
}

// selection is what the plan was asked for.
func (s *splitter) selection() string {
	args := texts(s.plan.Options["packages"])
	if len(args) == 0 {
		return "'*'"
	}
	return quoteAll(args)
}

// has says that the plan was made with an option.
func (s *splitter) has(option string) bool {
	is, _ := s.plan.Options[option].(bool)
	return is
}

// flags begin a command: its name and what every command must have, since it
// decides hashes. What came from the environment must be there in every job.
func (s *splitter) flags(command string) string {
	text := ""
	if s.opts.Dir != "" && s.opts.Dir != "." {
		text = " -C " + Quote(s.opts.Dir)
	}
	text += " " + command
	values, _ := s.plan.Options["vars"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text += " --var " + Quote(fmt.Sprintf("%s=%v", name, values[name]))
	}
	for _, file := range s.opts.BuildArgFiles {
		text += " --build-arg-file " + Quote(file)
	}
	for _, setting := range texts(s.plan.Options["set"]) {
		text += " --set " + Quote(setting)
	}
	at, _ := s.plan.Options["at"].(string)
	if at = cmp.Or(at, s.opts.At); at != "" {
		text += " --at " + Quote(at)
	}
	return text
}

// texts are the texts of an option, as planned or as read back.
func texts(option any) []string {
	if list, ok := option.([]string); ok {
		return list
	}
	var out []string
	list, _ := option.([]any)
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// apply begins a command that builds or publishes.
func (s *splitter) apply() string {
	text := "stowage" + s.flags("apply")
	if s.has("allow_dirty") {
		text += " --allow-dirty"
	}
	return text
}

// platforms are the flags of a plan that is not about all platforms, for the
// commands that are not about a job's.
func (s *splitter) platforms() string {
	text := ""
	for _, flag := range []string{"platform", "skip-platform"} {
		if list := texts(s.plan.Options[strings.ReplaceAll(flag, "-", "_")+"s"]); len(list) > 0 {
			text += " --" + flag + " " + Quote(strings.Join(list, ","))
		}
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
