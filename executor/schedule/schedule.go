package schedule

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Task is one piece of work.
type Task struct {
	// Build says that it takes a builder's slot. Other tasks take a job only.
	Build bool
	// Platform is what a build is for. Native, when set, is the only native
	// platform of a builder that it may run on.
	Platform, Native string
	// Runs are the platforms whose programs a build runs: a builder must run
	// them, by itself or, which takes longer, with an emulator.
	Runs []string
	// Package is the same in every run: it decides, all else being equal, which
	// builder a build goes to. Last names the builder that built it last, or is
	// "": of a task that is no build, the builder that made what it stands for.
	Package, Last string
	// Duration is how long it is expected to take on a native builder; below 0
	// counts as 0.
	Duration time.Duration
	// Stage is what must have ended before: every task of a lower stage. It is
	// 0 or more, and never less than that of a need.
	Stage int
	// Needs are the numbers of the tasks that must have ended before, without
	// duplicates.
	Needs []int
}

// Builder is a place where builds run.
type Builder struct {
	Name string
	// Platforms that it builds for, normalised; none means every platform.
	Platforms []string
	// Except are platforms that it does not build for.
	Except []string
	// Native is its own platform, "" if that is not known. Unasked says that it
	// will be: until then the builder is taken to be what a build wants.
	Native  string
	Unasked bool
	// Runs are the platforms whose programs it runs somehow; none means every
	// platform.
	Runs []string
	// Slots is how many builds it takes at once; less than 1 counts as 1.
	Slots int
}

// Order says which of the tasks that are ready starts first.
type Order int

// The orders.
const (
	// LongestFirst starts what has the longest way to the end.
	LongestFirst Order = iota
	// FirstCome starts what has been ready for longest.
	FirstCome
	// InOrder starts what has the lowest number.
	InOrder
)

// DefaultEmulation is how many times as long a build is taken to last on a
// builder that emulates its platform. What is compiled under QEMU takes three
// to ten times as long; what is copied takes no longer.
const DefaultEmulation = 5

// Options are how a schedule is made.
type Options struct {
	// Jobs bounds the tasks that run at once; less than 1 is no bound.
	Jobs  int
	Order Order
	// Emulation is how many times as long a build takes on a builder that
	// emulates its platform; less than 1 is DefaultEmulation.
	Emulation float64
}

// None is the builder of tasks that need none.
const None = -1

// ErrCycle is that of tasks that need each other.
var ErrCycle = errors.New("tasks need each other")

// Scheduler is the state of one schedule. It is for use by one goroutine.
//
// A task is brought to its end by these calls, in this order: Start or End
// hands it out when all it needs has ended; Queue makes it ready; Next starts
// it; Release ends its use of a slot, after which Resume may start it again;
// Finish gives up its job, after which it may be Queued again; End says that it
// has ended. A task that is not to run is only Ended.
type Scheduler struct {
	tasks     []Task
	builders  []*builder
	opts      Options
	remaining []time.Duration
	users     [][]int

	// unmet counts, for each task, needs that have not ended.
	unmet []int
	// left counts tasks that have not ended, by stage; stage is the one that is
	// open, and byStage the tasks of each.
	left    []int
	byStage [][]int
	stage   int

	// classes are all; byKey finds one, pools their builders', and classOf is
	// each task's. excluded are the builders that tasks are kept from.
	classes  []*class
	byKey    map[classKey]*class
	pools    map[string]*pool
	classOf  []*class
	excluded map[int][]int
	jobs     int
	// queued says of each task that it is in a queue, ranks where; ready counts
	// Queues.
	queued []bool
	ranks  []rank
	ready  int
	// at is the builder that a task was started on last, None before; ends is
	// when it is expected to end there.
	at   []int
	ends []time.Duration
	keys []uint64
	// looks counts the classes, entries, needs and users that were looked at, so
	// that a test can see that no task costs more because there are more.
	looks int
}

// New makes a scheduler of tasks that wait. Tasks that need each other are
// ErrCycle.
func New(tasks []Task, builders []Builder, opts Options) (*Scheduler, error) {
	if opts.Jobs < 1 {
		opts.Jobs = len(tasks) + 1
	}
	if opts.Emulation < 1 {
		opts.Emulation = DefaultEmulation
	}
	n := len(tasks)
	s := &Scheduler{
		tasks: tasks, opts: opts, jobs: opts.Jobs, stage: -1,
		unmet: make([]int, n), queued: make([]bool, n), ranks: make([]rank, n), at: make([]int, n),
		ends: make([]time.Duration, n), keys: make([]uint64, n),
		excluded: map[int][]int{},
	}
	if err := s.link(); err != nil {
		return nil, err
	}
	for i, b := range builders {
		s.builders = append(s.builders, newBuilder(i, b))
	}
	s.classify()
	return s, nil
}

// link finds what needs each task, the stages, and the longest ways to the end.
func (s *Scheduler) link() error {
	s.users = make([][]int, len(s.tasks))
	for i, t := range s.tasks {
		s.at[i], s.keys[i], s.unmet[i] = None, hash(t.Package), len(t.Needs)
		for _, need := range t.Needs {
			if need < 0 || need >= len(s.tasks) {
				return fmt.Errorf("task %d needs %d, of %d tasks", i, need, len(s.tasks))
			}
			s.users[need] = append(s.users[need], i)
		}
		for len(s.left) <= t.Stage {
			s.left, s.byStage = append(s.left, 0), append(s.byStage, nil)
		}
		s.left[t.Stage]++
		s.byStage[t.Stage] = append(s.byStage[t.Stage], i)
	}
	return s.weigh()
}

// weigh goes through the tasks from the last to the first.
func (s *Scheduler) weigh() error {
	s.remaining = make([]time.Duration, len(s.tasks))
	waiting := make([]int, len(s.tasks))
	var order []int
	for i, users := range s.users {
		if waiting[i] = len(users); len(users) == 0 {
			order = append(order, i)
		}
	}
	for i := 0; i < len(order); i++ {
		t := order[i]
		var after time.Duration
		for _, user := range s.users[t] {
			after = max(after, s.remaining[user])
		}
		s.remaining[t] = plus(after, s.tasks[t].Duration)
		for _, need := range s.tasks[t].Needs {
			if waiting[need]--; waiting[need] == 0 {
				order = append(order, need)
			}
		}
	}
	if len(order) < len(s.tasks) {
		return ErrCycle
	}
	return nil
}

const longest = time.Duration(math.MaxInt64)

// plus adds without passing the largest duration.
func plus(a, b time.Duration) time.Duration {
	b = max(b, 0)
	if sum := a + b; sum >= a {
		return sum
	}
	return longest
}

// Start opens the first stage and appends the tasks that need nothing to into.
func (s *Scheduler) Start(into []int) []int { return s.open(into) }

// End says that a task has ended, however, and appends to into the tasks that
// waited for that alone. Each is handed out once.
func (s *Scheduler) End(task int, into []int) []int {
	s.looks += len(s.users[task])
	for _, user := range s.users[task] {
		if s.unmet[user]--; s.unmet[user] == 0 && s.tasks[user].Stage <= s.stage {
			into = append(into, user)
		}
	}
	s.left[s.tasks[task].Stage]--
	return s.open(into)
}

// open opens stages until one has something left in it.
func (s *Scheduler) open(into []int) []int {
	for s.stage+1 < len(s.left) && (s.stage < 0 || s.left[s.stage] == 0) {
		s.stage++
		for _, t := range s.byStage[s.stage] {
			if s.unmet[t] == 0 {
				into = append(into, t)
			}
		}
	}
	return into
}

// Queue makes a task wait for a job and a slot.
func (s *Scheduler) Queue(task int) {
	s.ready++
	s.queued[task], s.ranks[task] = true, s.rank(task)
	s.classOf[task].push(s, task)
}

// Withdraw takes a task out of the queue that Queue has put it into.
func (s *Scheduler) Withdraw(task int) {
	if s.queued[task] {
		s.take(task)
	}
}

// Drain takes all tasks out of the queues, lowest number first.
func (s *Scheduler) Drain() []int {
	var out []int
	for t, queued := range s.queued {
		if queued {
			s.take(t)
			out = append(out, t)
		}
	}
	return out
}

// Next starts the next task that there is a job and a slot for: it takes both.
// builder is None for a task that is no build. now is the time since the
// beginning.
func (s *Scheduler) Next(now time.Duration) (task, builder int, ok bool) {
	if s.jobs == 0 {
		return 0, None, false
	}
	best := offer{task: -1}
	s.looks += len(s.classes)
	for _, c := range s.classes {
		if o := c.offer(s, now); o.task >= 0 && o.before(best) {
			best = o
		}
	}
	if best.task < 0 {
		return 0, None, false
	}
	s.take(best.task)
	s.jobs--
	builder = None
	if s.tasks[best.task].Build {
		builder = s.pick(best.task, s.classOf[best.task].builders[best.tier], None)
	}
	s.occupy(best.task, builder, now)
	return best.task, builder, true
}

// Resume starts a task again that has its job still, on another builder than
// avoid if there is room on one. It takes a slot.
func (s *Scheduler) Resume(task, avoid int, now time.Duration) (builder int, ok bool) {
	builder = None
	if c := s.classOf[task]; c.build {
		if builder = s.resumeOn(task, c, avoid); builder == None {
			return None, false
		}
	}
	s.occupy(task, builder, now)
	return builder, true
}

// Release gives up the slot of a task that was started.
func (s *Scheduler) Release(task int) {
	if b := s.at[task]; b != None {
		s.builders[b].release(s.ends[task])
	}
}

// Finish gives up the job of a task that was started and is not to be resumed.
func (s *Scheduler) Finish() { s.jobs++ }

// SetLive says whether a builder takes builds. What runs there is not touched.
func (s *Scheduler) SetLive(builder int, live bool) { s.builders[builder].setLive(live) }

// Live reports whether some live builder suits the task. Tasks that are no
// builds need none.
func (s *Scheduler) Live(task int) bool {
	c := s.classOf[task]
	return !c.build || c.live[native]+c.live[emulated] > 0
}

// Suits lists the builders that the task may run on, native ones first.
func (s *Scheduler) Suits(task int) []int {
	c := s.classOf[task]
	var out []int
	for _, b := range append(c.builders[native][:len(c.builders[native]):len(c.builders[native])], c.builders[emulated]...) {
		out = append(out, b.number)
	}
	return out
}

// occupy takes a slot of the builder for the task.
func (s *Scheduler) occupy(task, builder int, now time.Duration) {
	s.at[task] = builder
	if builder == None {
		return
	}
	s.ends[task] = plus(now, s.Lasts(task, builder))
	s.builders[builder].occupy(s.ends[task])
}

// Lasts is how long the task is expected to take on the builder.
func (s *Scheduler) Lasts(task, builder int) time.Duration {
	d := max(s.tasks[task].Duration, 0)
	if builder == None || !s.classOf[task].emulates(s.builders[builder]) {
		return d
	}
	if longer := float64(d) * s.opts.Emulation; longer < float64(longest) {
		return time.Duration(longer)
	}
	return longest
}
