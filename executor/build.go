package executor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// build makes one attempt at a build, unless another run has built the node
// meanwhile. One that another run is building is waited for.
func (w *worker) build(ctx context.Context, t *task) (Status, ocispec.Descriptor, error) {
	if t.step.Reason == planner.ReasonForced {
		return w.make(ctx, t)
	}
	if desc, found, err := w.built(ctx, t); found || err != nil {
		return StatusReused, desc, err
	}
	locker, ok := w.ports.Store.(NodeLocker)
	if !ok {
		return w.obtain(ctx, t)
	}
	unlock, err := locker.LockNode(ctx, t.pkg.Ref, t.step.Platform)
	switch {
	case ctx.Err() != nil:
		return "", ocispec.Descriptor{}, ctx.Err()
	case err != nil: // at worst it is built twice
		w.feed.warn(t, err)
		return w.obtain(ctx, t)
	}
	defer unlock()
	if desc, found, err := w.built(ctx, t); found || err != nil {
		return StatusReused, desc, err
	}
	return w.obtain(ctx, t)
}

// built finds the node in the store, or in the registry if that is where it is
// to be.
func (w *worker) built(ctx context.Context, t *task) (ocispec.Descriptor, bool, error) {
	if t.direct() {
		return w.published(ctx, t)
	}
	desc, found, err := w.stored(ctx, t.pkg, t.step.Platform)
	if err != nil {
		return ocispec.Descriptor{}, false, fmt.Errorf("look up %s in the store: %w", t.pkg.Ref, err)
	}
	if found {
		desc = w.remember(node{t.step.Package, t.step.Platform}, desc)
	}
	return desc, found, nil
}

// make makes one attempt at a build.
func (w *worker) make(ctx context.Context, t *task) (Status, ocispec.Descriptor, error) {
	req, err := w.request(ctx, t)
	if err != nil {
		return "", ocispec.Descriptor{}, err
	}
	w.openLog(t)
	started := w.ports.Clock()
	res, err := w.solve(ctx, t, req)
	if err != nil {
		t.log.note("attempt %d failed: %v", t.attempts, err)
		return "", ocispec.Descriptor{}, err
	}
	took := w.ports.Clock().Sub(started)
	t.log.note("built %s in %s", res.Manifest.Digest, took)
	if t.direct() {
		res, err = w.pushed(ctx, t, res)
	} else {
		err = w.keep(ctx, t, res)
	}
	if err != nil {
		t.log.note("attempt %d failed: %v", t.attempts, err)
		return "", ocispec.Descriptor{}, err
	}
	w.recordResolved(ctx, t, res)
	w.record(t, took)
	return StatusBuilt, res.Manifest, nil
}

// record tells what was built to those who plan the next time.
func (w *worker) record(t *task, took time.Duration) {
	if p := w.ports.Placements; p != nil {
		if err := p.RecordBuilder(t.pkg.Image, t.step.Platform, t.port.Name); err != nil {
			w.feed.warn(t, fmt.Errorf("record where %s was built: %w", t.node(), err))
		}
	}
	r := w.ports.Recorder
	if r == nil {
		return
	}
	if err := r.RecordDuration(t.pkg.Image, t.step.Platform, took); err != nil {
		w.feed.warn(t, fmt.Errorf("record how long %s took: %w", t.node(), err))
	}
	w.recordInputs(t)
}

// recordInputs keeps what the package is made of now, for the next plan.
func (w *worker) recordInputs(t *task) {
	r, inputs := w.ports.Recorder, w.specs.Inputs(t.step.Package)
	if r == nil || inputs == nil {
		return
	}
	if err := r.RecordInputs(t.pkg.Image, inputs); err != nil {
		w.feed.warn(t, fmt.Errorf("record the inputs of %s: %w", t.node(), err))
	}
}

// request completes the build with the images that it uses.
func (w *worker) request(ctx context.Context, t *task) (*BuildRequest, error) {
	req := t.spec.Request
	req.Images = slices.Clone(req.Images)
	if t.direct() {
		return &req, w.requestDirect(t, &req)
	}
	for _, use := range t.spec.Uses {
		desc, err := w.image(ctx, node{use.Package, use.Platform})
		if err != nil {
			return nil, err
		}
		req.Images = append(req.Images, NamedImage{Name: use.Name, Platform: use.Platform, Descriptor: desc})
	}
	var err error
	if req.Archives, err = w.archives(ctx, t); err != nil {
		return nil, err
	}
	return &req, w.pinBases(ctx, t.spec.Bases, &req)
}

// pinBases gives the build what external images are locked to: from the store,
// or else by digest from the registry.
func (w *worker) pinBases(ctx context.Context, bases []planner.Base, req *BuildRequest) error {
	req.RemoteContexts = maps.Clone(req.RemoteContexts)
	for _, base := range bases {
		stored, err := w.ports.Store.Lookup(ctx, base.Ref)
		if err != nil {
			return fmt.Errorf("look up %s in the store: %w", base.Ref, err)
		}
		if stored != nil && stored.Digest == base.Digest {
			if desc, ok := stored.Manifests[base.Platform]; ok {
				req.Images = append(req.Images, NamedImage{Name: base.Name, Platform: base.Platform, Descriptor: desc})
				continue
			}
		}
		req.addRemote(base)
	}
	return nil
}

// addRemote has the builder take an external image from the registry, by the
// digest that it is locked to.
func (r *BuildRequest) addRemote(base planner.Base) {
	if r.RemoteContexts == nil {
		r.RemoteContexts = map[string]string{}
	}
	r.RemoteContexts[base.Name] = "docker-image://" + base.Ref + "@" + base.Digest
}

// solve runs the builder, for as long as the package allows.
func (w *worker) solve(ctx context.Context, t *task, req *BuildRequest) (*BuildResult, error) {
	if limit := t.spec.Timeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, &timeoutError{limit})
		defer cancel()
	}
	port := t.port
	if t.attempts > 1 {
		t.log.note("attempt %d, on builder %s", t.attempts, port.Name)
	}
	lines := &lineSplitter{emit: func(line logLine) { w.line(t, line) }}
	res, err := port.Builder.Build(ctx, req, func(p Progress) { w.progress(t, lines, p) })
	lines.flush()
	var timeout *timeoutError
	switch {
	case err != nil && errors.As(context.Cause(ctx), &timeout):
		return nil, timeout
	case err != nil:
		return nil, err
	case res == nil || res.Manifest.Digest == "":
		return nil, fmt.Errorf("builder %s answered with no image", port.Name)
	}
	return res, nil
}

// progress passes on what happens inside a build.
func (w *worker) progress(t *task, lines *lineSplitter, p Progress) {
	if p.Log != nil {
		lines.write(p.Log)
	}
	if v := p.Vertex; v != nil {
		if v.Completed || v.Error != "" {
			lines.flushVertex(v.Name)
		}
		t.log.vertex(v)
		e := t.event(EventStepProgress)
		e.Vertex = &EventVertex{
			ID: v.ID, Name: v.Name, Started: v.Started,
			Completed: v.Completed, Cached: v.Cached, Error: v.Error,
		}
		w.feed.add(e)
	}
}

// line passes on one line of output.
func (w *worker) line(t *task, line logLine) {
	t.log.line(line)
	e := t.event(EventStepLog)
	e.Vertex, e.Stream, e.Line = &EventVertex{Name: line.vertex}, line.stream, line.text
	w.feed.add(e)
}

// openLog opens the node's log at the first attempt. A build goes on without.
func (w *worker) openLog(t *task) {
	if t.log != nil {
		return
	}
	t.log = newNodeLog(w.logTail, func(err error) {
		w.feed.warn(t, fmt.Errorf("write the log of %s: %w", t.node(), err))
	})
	if w.ports.Logs == nil {
		return
	}
	out, path, err := w.ports.Logs.NodeLog(t.node())
	if err != nil {
		w.feed.warn(t, err)
		return
	}
	t.log.out, t.log.path = out, path
}
