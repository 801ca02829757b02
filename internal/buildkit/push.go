package buildkit

import (
	"context"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/stowage-build/stowage/executor"
)

// pushAttrs are the attributes of an image that the daemon pushes by its
// digest and keeps under no name of its own: see
// exporter/containerimage/exptypes/keys.go.
func (c *Client) pushAttrs(repository string) map[string]string {
	attrs := map[string]string{"name": repository, "push": "true", "push-by-digest": "true", "store": "false"}
	if named, err := reference.ParseNormalizedNamed(repository); err == nil && slices.Contains(c.insecure, reference.Domain(named)) {
		attrs["registry.insecure"] = "true"
	}
	return attrs
}

// pushFailed is what the daemon says before the repository that it could not
// push to.
const pushFailed = "failed to push "

// pushError is a push by the daemon that failed, by a fault that may pass or by
// another. The build did not fail.
type pushError struct {
	err     error
	passing bool
}

func (e *pushError) Error() string {
	return "push by the builder: " + noise.ReplaceAllString(e.err.Error(), "")
}
func (e *pushError) Unwrap() error   { return e.err }
func (e *pushError) Temporary() bool { return e.passing }

// explainPush returns the error of a push, nil when err is about something else.
// The daemon gives no code for it, only text: see containerd's
// core/remotes/docker.
func explainPush(ctx context.Context, req *executor.BuildRequest, err error) error {
	if err == nil || req.PushTo == "" || ctx.Err() != nil || !strings.Contains(err.Error(), pushFailed+req.PushTo) {
		return nil
	}
	return &pushError{err: err, passing: passing(err.Error())}
}
