package schedule

import (
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
)

// builder is a Builder in use.
type builder struct {
	Builder
	number int
	key    uint64
	free   int
	live   bool
	// ends is the sum of the times when what runs here is expected to end.
	ends time.Duration
	// uses are the classes that it serves, pools those that it is of.
	uses  []use
	pools []*pool
}

type use struct {
	class *class
	tier  tier
}

func newBuilder(number int, b Builder) *builder {
	b.Slots = max(b.Slots, 1)
	return &builder{Builder: b, number: number, key: hash(b.Name), free: b.Slots, live: true}
}

func (b *builder) occupy(ends time.Duration)  { b.change(-1, ends) }
func (b *builder) release(ends time.Duration) { b.change(1, -ends) }

func (b *builder) change(slots int, ends time.Duration) {
	b.free += slots
	b.ends += ends
	for _, p := range b.pools {
		p.running -= slots
		p.ends += ends
	}
	if b.live {
		b.count(slots, 0)
	}
}

// count tells the classes of slots that have become free or, below 0, taken.
func (b *builder) count(free, live int) {
	for _, u := range b.uses {
		u.class.free[u.tier] += free
		u.class.live[u.tier] += live
	}
}

func (b *builder) setLive(live bool) {
	if b.live == live {
		return
	}
	b.live = live
	sign := 1
	if !live {
		sign = -1
	}
	b.count(sign*b.free, sign*b.Slots)
	for _, p := range b.pools {
		p.slots += sign * b.Slots
	}
}

// Suits reports whether the build may run on the builder.
func (b Builder) Suits(t Task) bool { return b.Meant(t) && len(b.CannotRun(t)) == 0 }

// Meant reports whether the builder is one for the build by its platforms,
// whatever programs it can run.
func (b Builder) Meant(t Task) bool {
	return (len(b.Platforms) == 0 || slices.Contains(b.Platforms, t.Platform)) && !slices.Contains(b.Except, t.Platform) &&
		(t.Native == "" || t.Native == b.Native || (b.Unasked && b.Native == ""))
}

// CannotRun returns the platforms whose programs the builder does not run and
// the build does. Variants are not told apart: whether a processor has one is
// for the programs to find out.
func (b Builder) CannotRun(t Task) []string {
	if len(b.Runs) == 0 {
		return nil
	}
	var out []string
	for _, platform := range t.Runs {
		if !slices.ContainsFunc(b.Runs, func(have string) bool { return architecture(have) == architecture(platform) }) {
			out = append(out, platform)
		}
	}
	return out
}

// architecture is a platform without its variant: os/arch.
func architecture(platform string) string {
	parts := strings.SplitN(platform, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// emulates reports whether the builder's processor cannot run the platform's
// programs itself. What cannot be told is taken for native.
func (b Builder) emulates(platform string) bool {
	own, err := platforms.Parse(b.Native)
	if err != nil {
		return false
	}
	wanted, err := platforms.Parse(platform)
	return err == nil && !platforms.Only(own).Match(wanted)
}

// pick chooses among the builders that have a free slot: one that already
// holds what the task needs, or built its package last; of several, and where
// there is none, the one that rendezvous hashing of the package's name gives,
// so that a package goes to the same builder in every run as long as there is
// room. A builder that is full would have the build wait, so it is not looked
// at.
func (s *Scheduler) pick(task int, among []*builder, avoid int) int {
	best, bestScore, bestKey := None, -1, uint64(0)
	s.looks += len(among)
	for _, b := range among {
		if b.free == 0 || !b.live || b.number == avoid {
			continue
		}
		score, key := s.holds(task, b), mix(s.keys[task]^b.key)
		if best == None || score > bestScore || (score == bestScore && key > bestKey) {
			best, bestScore, bestKey = b.number, score, key
		}
	}
	return best
}

// What a builder is worth to a task. A need that ran there in this run is there
// alone. Its own last build has the layers of needs that have not changed since,
// and its own before a change. A need that was built there earlier, and is used
// again, may be elsewhere too by now, or pruned.
const (
	worthBuilt = 4
	worthLast  = 2
	worthKept  = 1
)

// holds values what the builder has of the task's needs and of its own last
// build.
func (s *Scheduler) holds(task int, b *builder) int {
	score := 0
	s.looks += 1 + len(s.tasks[task].Needs)
	for _, need := range s.tasks[task].Needs {
		switch {
		case s.at[need] == b.number:
			score += worthBuilt
		case s.at[need] == None && b.isNamed(s.tasks[need].Last):
			score += worthKept
		}
	}
	if b.isNamed(s.tasks[task].Last) {
		score += worthLast
	}
	return score
}

func (b *builder) isNamed(name string) bool { return name != "" && b.Name == name }

// resumeOn chooses a builder for a task that is started again.
func (s *Scheduler) resumeOn(task int, c *class, avoid int) int {
	if b := s.pick(task, c.builders[native], avoid); b != None {
		return b
	}
	others := c.live[native]
	if avoid != None && s.builders[avoid].live && !c.emulates(s.builders[avoid]) {
		others -= s.builders[avoid].Slots
	}
	if others == 0 {
		if b := s.pick(task, c.builders[emulated], avoid); b != None {
			return b
		}
	}
	if avoid != None && s.builders[avoid].live && s.builders[avoid].free > 0 {
		return avoid
	}
	return None
}

// hash is FNV-1a of 64 bits.
func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// mix is the finaliser of SplitMix64: every bit of x changes half of the bits.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
