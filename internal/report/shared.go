package report

import (
	"strings"

	"github.com/stowage-build/stowage/executor"
)

// Twins finds what BuildKit tells twice of an attempt at a build. Builds that
// share an instruction while both are under way have it run once, as the one
// of the build that came first. BuildKit announces each build's own, tells the
// others of the one that runs as well, and at its end says that their own came
// from the cache. The zero value is ready for an attempt.
type Twins struct {
	// own are the instructions that were announced and did not start yet, in
	// order; names are those that did, by ID.
	own   []executor.EventVertex
	names map[string]string
	// twins are the build's own that another runs for.
	twins map[string]bool
}

// See takes note of a state. It returns the name that the instruction has in
// this build's Dockerfile, and whether the state says nothing new: it is of the
// instruction that another has run for.
func (t *Twins) See(v *executor.EventVertex) (name string, twin bool) {
	if v.ID == "" {
		return v.Name, false
	}
	if t.twins[v.ID] {
		return v.Name, true
	}
	if name, ok := t.names[v.ID]; ok {
		return name, false
	}
	for i, own := range t.own {
		if own.ID == v.ID {
			if !isAnnounced(v) {
				t.own = append(t.own[:i], t.own[i+1:]...)
				t.remember(v.ID, v.Name)
			}
			return v.Name, false
		}
	}
	if isAnnounced(v) {
		t.own = append(t.own, *v)
		return v.Name, false
	}
	return t.pair(v), false
}

// isAnnounced says that an instruction is only to come.
func isAnnounced(v *executor.EventVertex) bool { return !v.Started && !v.Completed && v.Error == "" }

// pair finds the build's own of an instruction that was not announced. It
// returns that one's name.
func (t *Twins) pair(v *executor.EventVertex) string {
	name := v.Name
	for i, own := range t.own {
		if withoutStage(own.Name) == withoutStage(v.Name) && !isBookkeeping(v.Name) {
			if t.twins == nil {
				t.twins = map[string]bool{}
			}
			t.twins[own.ID] = true
			t.own = append(t.own[:i], t.own[i+1:]...)
			name = own.Name
			break
		}
	}
	t.remember(v.ID, name)
	return name
}

func (t *Twins) remember(id, name string) {
	if t.names == nil {
		t.names = map[string]string{}
	}
	t.names[id] = name
}

// withoutStage is an instruction without its place in the Dockerfile: "RUN
// make" of "[build 2/5] RUN make".
func withoutStage(name string) string {
	if _, rest, ok := strings.Cut(name, "] "); ok && strings.HasPrefix(name, "[") {
		return rest
	}
	return name
}

// owners are the builds whose lines have the output of what several share, by
// builder and instruction. Only builds under way share.
type owners map[[2]string]owner

type owner struct{ step, name string }

// of returns the build that has an instruction's output, which is the one that
// asks where there is none yet.
func (o owners) of(builder, id string, asks owner) owner {
	if id == "" {
		return asks
	}
	key := [2]string{builder, id}
	first, ok := o[key]
	if !ok {
		o[key] = asks
		return asks
	}
	return first
}

// leave forgets a build: another that goes on with an instruction has its
// output from then on.
func (o owners) leave(step string) {
	for key, first := range o {
		if first.step == step {
			delete(o, key)
		}
	}
}
