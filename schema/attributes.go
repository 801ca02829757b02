package schema

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// attributeOrder is the order in which attributes are read: what others need
// comes first.
var attributeOrder = []string{
	"allow_outside", "context", "dockerfile", "dockerfile_inline", "target", "platforms", "args", "contexts",
	"depends_on", "ssh", "network", "shm_size", "ulimits", "extra_hosts", "cgroup_parent", "labels", "annotations", "tag", "extra_tags", "cache_from", "cache_to",
	"no_cache", "no_cache_stages", "pull", "cache_mode", "refresh", "reproducible", "timeout", "retries", "revision", "pins",
	"platform", "source", "secret", "archive", "attest", "output",
}

// attributeReaders read an attribute, or all blocks of a kind, into the
// package. A reader that meets something unknown leaves the attribute alone:
// it is run again when more is known.
var attributeReaders = map[string]func(ev *evaluation){
	"allow_outside":     func(ev *evaluation) { ev.setBool("allow_outside", &ev.out.AllowOutside) },
	"context":           (*evaluation).readContext,
	"dockerfile":        (*evaluation).readDockerfile,
	"dockerfile_inline": (*evaluation).readDockerfileInline,
	"target":            func(ev *evaluation) { ev.setString("target", &ev.out.Target) },
	"platforms":         (*evaluation).readPlatforms,
	"args":              (*evaluation).readArgs,
	"contexts":          (*evaluation).readContexts,
	"depends_on":        (*evaluation).readDependsOn,
	"ssh":               func(ev *evaluation) { ev.setStrings("ssh", &ev.out.SSH) },
	"network":           func(ev *evaluation) { ev.setChoice("network", &ev.out.Network, networks...) },
	"shm_size":          (*evaluation).readShmSize,
	"ulimits":           (*evaluation).readUlimits,
	"extra_hosts":       (*evaluation).readExtraHosts,
	"cgroup_parent":     (*evaluation).readCgroupParent,
	"labels":            func(ev *evaluation) { ev.readStringMap("labels", ev.out.Labels) },
	"annotations":       func(ev *evaluation) { ev.readStringMap("annotations", ev.out.Annotations) },
	"tag":               (*evaluation).readTag,
	"extra_tags":        (*evaluation).readTags,
	"cache_from":        func(ev *evaluation) { ev.readCaches("cache_from", &ev.out.CacheFrom) },
	"cache_to":          func(ev *evaluation) { ev.readCaches("cache_to", &ev.out.CacheTo) },
	"no_cache":          func(ev *evaluation) { ev.setBool("no_cache", &ev.out.NoCache) },
	"no_cache_stages":   (*evaluation).readNoCacheStages,
	"pull":              func(ev *evaluation) { ev.setBool("pull", &ev.out.Pull) },
	"cache_mode":        func(ev *evaluation) { ev.setChoice("cache_mode", &ev.out.CacheMode, "content", "git-tree") },
	"refresh":           func(ev *evaluation) { ev.setDuration("refresh", &ev.out.Refresh, time.Minute) },
	"reproducible":      func(ev *evaluation) { ev.setBool("reproducible", &ev.out.Reproducible) },
	"timeout":           func(ev *evaluation) { ev.setDuration("timeout", &ev.out.Timeout, time.Second) },
	"retries":           (*evaluation).readRetries,
	"revision":          func(ev *evaluation) { ev.setString("revision", &ev.out.Revision) },
	"pins":              func(ev *evaluation) { ev.setChoice("pins", &ev.out.Pins, "respect", "follow") },
	"platform":          (*evaluation).readPlatformBlocks,
	"source":            (*evaluation).readSources,
	"secret":            (*evaluation).readSecrets,
	"archive":           (*evaluation).readArchives,
	"attest":            (*evaluation).readAttest,
	"output":            (*evaluation).readOutputs,
}

var networks = []string{"default", "none", "host"}

// scalar is the expression in effect for an attribute, nil when it is not set.
func (ev *evaluation) scalar(name string) *expression { return ev.merged.scalars[name] }

func (ev *evaluation) setString(name string, to *string) {
	if x := ev.scalar(name); x != nil {
		if s, ok := ev.asString(x); ok {
			*to = s
		}
	}
}

func (ev *evaluation) setBool(name string, to *bool) {
	if x := ev.scalar(name); x != nil {
		if b, ok := ev.asBool(x); ok {
			*to = b
		}
	}
}

func (ev *evaluation) setChoice(name string, to *string, values ...string) {
	if x := ev.scalar(name); x != nil {
		if s, ok := ev.asChoice(x, values...); ok {
			*to = s
		}
	}
}

func (ev *evaluation) setDuration(name string, to *time.Duration, low time.Duration) {
	if x := ev.scalar(name); x != nil {
		if d, ok := ev.asDuration(x, low); ok {
			*to = d
		}
	}
}

// setStrings reads a list of strings that are not empty.
func (ev *evaluation) setStrings(name string, to *[]string) {
	list, ok := ev.list(name)
	if !ok {
		return
	}
	for _, l := range list {
		if strings.TrimSpace(l.text) == "" {
			ev.fail(l.rng, "Empty string", "An element of %s is empty; remove it.", name)
		}
	}
	*to = texts(list)
}

func (ev *evaluation) list(name string) ([]located, bool) {
	x := ev.scalar(name)
	if x == nil {
		return nil, false
	}
	return ev.asStrings(x)
}

func (ev *evaluation) readRetries() {
	if x := ev.scalar("retries"); x != nil {
		if n, ok := ev.asInt(x, 0, 10); ok {
			ev.out.Retries = n
		}
	}
}

func (ev *evaluation) readPlatforms() {
	x := ev.scalar("platforms")
	if x == nil {
		return
	}
	list, ok := ev.asStrings(x)
	if !ok {
		return
	}
	if len(list) == 0 {
		ev.fail(x.Range(), "No platforms", "platforms lists at least one; leave it out for the workspace's.")
		return
	}
	ev.out.Platforms = ev.platformList(list)
}

// mapValue is one entry of a merged map.
type mapValue struct {
	key   string
	value cty.Value
	expr  *expression // with what it mentions
	rng   hcl.Range
}

// mapValues evaluates the entries of a map, nearest layer first; an entry
// that is null unsets the key.
func (ev *evaluation) mapValues(name string, entries []entry) []mapValue {
	var out []mapValue
	seen := map[string]bool{}
	add := func(v mapValue) {
		if seen[v.key] {
			return
		}
		seen[v.key] = true
		ev.out.parts[name+"."+v.key] = v.rng
		if v.value.IsMarked() || !v.value.IsNull() {
			out = append(out, v)
		}
	}
	for _, e := range entries {
		v, ok := ev.raw(e.value)
		switch {
		case !e.whole && (ok || !ev.failed(e.value)):
			add(mapValue{e.key, v, e.value, e.value.Range()})
		case ok:
			for _, item := range ev.spread(name, v, e.value) {
				add(item)
			}
		}
	}
	return out
}

// failed says that x has been reported, so that its value is not null but missing.
func (ev *evaluation) failed(x *expression) bool { return x.used.bad || ev.unknown }

// spread takes a map value apart.
func (ev *evaluation) spread(name string, v cty.Value, x *expression) []mapValue {
	if v.IsMarked() {
		// The names in it could be sensitive too, and they are shown.
		if name == "args" {
			ev.fail(x.Range(), "Sensitive value not allowed here", "The names of arguments are shown, so they cannot come from a sensitive variable. Write them out: { NAME = …, … }")
		} else {
			ev.settled(v, x.Range(), name)
		}
		return nil
	}
	if v.IsNull() {
		return nil
	}
	if !v.IsKnown() {
		ev.unknown = true
		return nil
	}
	if !isMapping(v.Type()) {
		ev.fail(x.Range(), "Wrong type", "%s is a map, not %s. Write { NAME = value }.", name, friendly(v))
		return nil
	}
	var out []mapValue
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		out = append(out, mapValue{key.AsString(), value, x, x.Range()})
	}
	return out
}

// readStringMap reads labels and annotations.
func (ev *evaluation) readStringMap(name string, to map[string]string) {
	for _, m := range ev.mapValues(name, ev.merged.maps[name]) {
		what := name + "[\"" + m.key + "\"]"
		if strings.TrimSpace(m.key) == "" {
			ev.fail(m.rng, "Empty name", "%s has an entry without a name.", name)
			continue
		}
		if s, ok := ev.settledText(m.value, m.rng, what); ok {
			to[m.key] = s
		}
	}
}

// argRule is what build arguments may be called.
var argRule = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.-]*$`)

func (ev *evaluation) readArgs() { ev.args("args", ev.merged.maps["args"], ev.out.Args) }

// args reads build arguments. They alone may come from sensitive variables.
func (ev *evaluation) args(name string, entries []entry, to map[string]string) {
	for _, m := range ev.mapValues(name, entries) {
		if !argRule.MatchString(m.key) {
			ev.fail(m.rng, "Bad argument name", "%q cannot be declared by ARG in a Dockerfile.", m.key)
			continue
		}
		if packages := ev.packagesOf(m.expr); len(packages) > 0 {
			ev.out.ArgPackages[m.key] = mergeNames(ev.out.ArgPackages[m.key], packages)
		}
		v := m.value
		if v.ContainsMarked() {
			v, _ = v.UnmarkDeep()
			ev.out.Sensitive[m.key] = true
			ev.sensitiveArg(name, m, v, to)
			continue
		}
		if s, ok := ev.settledText(v, m.rng, "the argument "+m.key); ok {
			to[m.key] = s
		}
	}
}

func (ev *evaluation) sensitiveArg(name string, m mapValue, v cty.Value, to map[string]string) {
	if !v.IsWhollyKnown() {
		ev.unknown = true
		return
	}
	if tooLarge(v) {
		v = cty.EmptyObjectVal // no string either
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || !s.IsNull() && strings.ContainsRune(s.AsString(), 0) {
		ev.fail(m.rng, "Wrong type", "%s.%s is a string; its sensitive value is not.", name, m.key)
		return
	}
	if !s.IsNull() {
		to[m.key] = s.AsString()
	}
}

func mergeNames(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// readDependsOn reads a list of packages.
func (ev *evaluation) readDependsOn() {
	x := ev.scalar("depends_on")
	if x == nil {
		return
	}
	v, ok := ev.raw(x)
	switch {
	case !ok:
		return
	case v.ContainsMarked():
		ev.settled(v, x.Range(), x.what)
		return
	case !v.IsKnown():
		ev.unknown = true
		return
	}
	if !isSequence(v.Type()) {
		ev.fail(x.Range(), "Wrong type", "depends_on is a list of packages: [package.NAME, …].")
		return
	}
	var names []string
	for i, e := range v.AsValueSlice() {
		found, ok := ev.packagesIn(e)
		if !ok {
			ev.fail(x.elementRange(i), "Not a package", "depends_on lists packages themselves: write package.NAME, not a string or an attribute of it.")
			continue
		}
		names = append(names, found...)
	}
	ev.out.DependsOn = mergeNames(names, nil)
}

// packagesIn returns the names of the package, or of the instances, that a
// value stands for.
func (ev *evaluation) packagesIn(v cty.Value) ([]string, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil, false
	}
	if v.Type().Equals(packageType) {
		name := v.GetAttr("name")
		if name.IsKnown() && !name.IsNull() && ev.decl.refers[name.AsString()] {
			return []string{name.AsString()}, true
		}
		return nil, false
	}
	if !v.Type().IsMapType() || !v.Type().ElementType().Equals(packageType) {
		return nil, false
	}
	var names []string
	for _, e := range v.AsValueMap() {
		found, ok := ev.packagesIn(e)
		if !ok {
			return nil, false
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	return names, true
}

// checkImage checks a reference to an image outside of the workspace.
func (r *reader) checkImage(ref string, rng hcl.Range) bool {
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		r.fail(rng, "Bad image reference", "%q is no image reference such as docker.io/library/alpine:3.20.", ref)
		return false
	}
	return true
}
