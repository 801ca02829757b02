package schedule

import (
	"container/heap"
	"fmt"
	"time"
)

// Run is where and when a task ran in a simulation.
type Run struct {
	// Builder is its number, None for tasks that need none.
	Builder    int
	Start, End time.Duration
}

// Simulation is a schedule that was played through.
type Simulation struct {
	Bound
	// Makespan is when the last task ended.
	Makespan time.Duration
	// Busy is, for each builder, the time that its slots were in use.
	Busy []time.Duration
	// Runs are those of the tasks.
	Runs []Run
	// Looks is how often a task, a builder or a kind of task was looked at to
	// decide all that.
	Looks int
}

// Utilisation is the part of the builders' slots, from 0 to 1, that was in use
// from the beginning to the end.
func (r *Simulation) Utilisation() float64 {
	var busy time.Duration
	for _, b := range r.Busy {
		busy += b
	}
	if r.Makespan == 0 || r.Slots == 0 {
		return 0
	}
	return float64(busy) / float64(r.Makespan) / float64(r.Slots)
}

// Simulate plays the tasks through on the builders, each taking exactly as long
// as it is expected to. A build that no builder suits is an error.
func Simulate(tasks []Task, builders []Builder, opts Options) (*Simulation, error) {
	s, err := New(tasks, builders, opts)
	if err != nil {
		return nil, err
	}
	out := &Simulation{Bound: s.bound(), Busy: make([]time.Duration, len(builders)), Runs: make([]Run, len(tasks))}
	var running ends
	ended := 0
	for ready := s.Start(nil); ended < len(tasks); {
		for _, t := range ready {
			s.Queue(t)
		}
		for {
			t, b, ok := s.Next(out.Makespan)
			if !ok {
				break
			}
			run := Run{Builder: b, Start: out.Makespan, End: plus(out.Makespan, s.Lasts(t, b))}
			out.Runs[t] = run
			if b != None {
				out.Busy[b] += run.End - run.Start
			}
			heap.Push(&running, ending{run.End, t})
		}
		if len(running) == 0 {
			return nil, fmt.Errorf("%d of %d tasks have no builder", len(tasks)-ended, len(tasks))
		}
		next := heap.Pop(&running).(ending)
		out.Makespan = next.at
		s.Release(next.task)
		s.Finish()
		ended++
		ready = s.End(next.task, ready[:0])
	}
	out.Looks = s.looks
	return out, nil
}

// ending is when a task ends.
type ending struct {
	at   time.Duration
	task int
}

// ends implement heap.Interface: the earliest first, of those the lowest task.
type ends []ending

func (e ends) Len() int { return len(e) }
func (e ends) Less(i, j int) bool {
	if e[i].at != e[j].at {
		return e[i].at < e[j].at
	}
	return e[i].task < e[j].task
}
func (e ends) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)   { *e = append(*e, x.(ending)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
