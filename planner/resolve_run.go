package planner

import (
	"context"
	"runtime"

	"github.com/hashicorp/hcl/v2"
)

// outcome is what a worker reports: a package examined or finished.
type outcome struct {
	name  string
	pkg   *Package
	uses  []imageUse
	notes []Diagnostic
	diags hcl.Diagnostics
	err   error
	// done says that the package is finished.
	done bool
}

// run moves packages on until none can move.
func (r *resolver) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := 2 * runtime.GOMAXPROCS(0)
	outcomes := make(chan []outcome, workers)
	busy := 0
	var failure error
	r.enqueue(r.names)
	for {
		for busy < workers && len(r.queue) > 0 && failure == nil {
			tasks := r.take(workers)
			busy++
			go func() { outcomes <- work(ctx, tasks) }()
		}
		if busy == 0 {
			if failure != nil || ctx.Err() != nil || !r.releaseSoft() {
				break
			}
			r.enqueue(r.names)
			continue
		}
		done := <-outcomes
		busy--
		for _, o := range done {
			if o.err != nil && failure == nil {
				failure = o.err
				cancel()
			}
			if failure == nil {
				r.enqueue(r.absorb(o))
			}
		}
	}
	if failure == nil {
		failure = ctx.Err()
	}
	if failure == nil {
		r.checkReleased()
		r.reportCycle()
	}
	return failure
}

// task is one phase of one package.
type task func(context.Context) outcome

// work does tasks up to the first that fails.
func work(ctx context.Context, tasks []task) []outcome {
	out := make([]outcome, 0, len(tasks))
	for _, do := range tasks {
		o := do(ctx)
		if out = append(out, o); o.err != nil {
			break
		}
	}
	return out
}

// enqueue queues those of names that can start their next phase.
func (r *resolver) enqueue(names []string) {
	for _, name := range names {
		e := r.entries[name]
		if (e.state == waiting || e.state == examined) && !e.queued && len(e.needs) == 0 && len(e.soft) == 0 {
			e.queued = true
			r.queue = append(r.queue, name)
		}
	}
}

// maxTasks is how many tasks a worker is given at a time, at most: handing
// over costs as much as a small one.
const maxTasks = 64

// take starts what is next in the queue: a share that leaves the other
// workers as much.
func (r *resolver) take(workers int) []task {
	n := min(max(len(r.queue)/workers, 1), maxTasks)
	tasks := make([]task, n)
	for i, name := range r.queue[:n] {
		tasks[i] = r.start(name)
	}
	r.queue = r.queue[n:]
	return tasks
}

// await adds dep to what a package waits for: its needs or its soft ones.
func (r *resolver) await(name string, kind map[string]bool, dep string) {
	kind[dep] = true
	if r.waiters[dep] == nil {
		r.waiters[dep] = map[string]bool{}
	}
	r.waiters[dep][name] = true
}

// start returns the work of name's next phase.
func (r *resolver) start(name string) task {
	e := r.entries[name]
	phase := e.state
	e.state, e.queued = running, false
	if phase == waiting {
		known := r.identities(e.decl.References)
		return func(ctx context.Context) outcome { return r.examine(ctx, e.decl, known) }
	}
	pkg := e.pkg
	if t := r.triggersFor(pkg); !t.equal(e.triggers) {
		e.triggers = t
		return func(context.Context) outcome { return r.reread(pkg, t) }
	}
	r.diags = append(r.diags, r.checkPlatforms(pkg)...)
	r.diags = append(r.diags, r.lockImages(pkg)...)
	hashes := map[string]string{}
	for _, edge := range pkg.Edges {
		if dep := r.entries[edge.To].pkg; dep != nil {
			hashes[edge.To] = dep.Hash
		}
	}
	known := r.identities(e.decl.References)
	return func(context.Context) outcome { return r.finish(pkg, hashes, known) }
}

// absorb takes a worker's outcome into the state and returns the packages
// that may be able to move because of it.
func (r *resolver) absorb(o outcome) []string {
	e := r.entries[o.name]
	r.diags = append(r.diags, o.diags...)
	r.notes = append(r.notes, o.notes...)
	if o.pkg != nil {
		e.pkg = o.pkg
	}
	if o.done || e.pkg == nil {
		e.state = finished
		return r.release(o.name)
	}
	e.state = examined
	e.images = o.uses
	r.connect(o.name, e)
	return []string{o.name}
}

// release tells those that waited for name that it is finished.
func (r *resolver) release(name string) []string {
	woken := sortedKeys(r.waiters[name])
	delete(r.waiters, name)
	for _, w := range woken {
		e := r.entries[w]
		delete(e.needs, name)
		if e.soft[name] {
			delete(e.soft, name)
			r.settle(e, name, r.entries[name].pkg)
		}
	}
	return woken
}
