package buildkit

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/stowage-build/stowage/executor"
)

func TestExport(t *testing.T) {
	c := &Client{insecure: []string{"plain.test:5000"}}
	epoch := int64(1)
	for name, test := range map[string]struct {
		req   executor.BuildRequest
		kind  string
		attrs map[string]string
	}{
		"store": {kind: client.ExporterOCI, attrs: map[string]string{"tar": "false", "oci-mediatypes": "true"}},
		"registry": {
			req:  executor.BuildRequest{PushTo: "reg.test/app", Epoch: &epoch, Annotations: map[string]string{"a": "b"}},
			kind: client.ExporterImage,
			attrs: map[string]string{
				"name": "reg.test/app", "push": "true", "push-by-digest": "true", "store": "false", "oci-mediatypes": "true",
				"rewrite-timestamp": "true", "annotation.a": "b",
			},
		},
		"insecure registry": {
			req:  executor.BuildRequest{PushTo: "plain.test:5000/app"},
			kind: client.ExporterImage,
			attrs: map[string]string{
				"name": "plain.test:5000/app", "push": "true", "push-by-digest": "true", "store": "false", "oci-mediatypes": "true",
				"registry.insecure": "true",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.export(&test.req); got.Type != test.kind || !maps.Equal(got.Attrs, test.attrs) {
				t.Errorf("%s %v, want %s %v", got.Type, got.Attrs, test.kind, test.attrs)
			}
		})
	}
}

// A push that fails is not the build's fault, and is tried again when the
// registry's may pass.
func TestExplainPush(t *testing.T) {
	req := &executor.BuildRequest{PushTo: "reg.test/app"}
	const prefix = "failed to solve: rpc error: code = Unknown desc = failed to push reg.test/app: "
	for text, passes := range map[string]bool{
		"unexpected status from POST request to http://reg.test/v2/app/blobs/uploads/: 503 Service Unavailable":    true,
		"unexpected status from PUT request to http://reg.test/v2/app/manifests/sha256:1: 429 Too Many Requests":   true,
		`failed to do request: Head "http://reg.test/v2/app/blobs/sha256:1": dial tcp: connection refused`:         true,
		"unexpected status from POST request to http://reg.test/v2/app/blobs/uploads/: 403 Forbidden":              false,
		"push access denied, repository does not exist or may require authorization: server message: insufficient": false,
		`failed to do request: Head "https://reg.test/v2/": tls: failed to verify certificate`:                     false,
	} {
		err := explainPush(t.Context(), req, errors.New(prefix+text))
		if err == nil || err.Error() != "push by the builder: failed to push reg.test/app: "+text {
			t.Errorf("%s: %v", text, err)
		}
		if executor.Transient(err) != passes || executor.Lost(err) {
			t.Errorf("%s: transient is %v", text, executor.Transient(err))
		}
	}
	for name, err := range map[string]error{"nothing": nil, "a build": errors.New("failed to solve: exit code: 1")} {
		if got := explainPush(t.Context(), req, err); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := explainPush(t.Context(), &executor.BuildRequest{}, errors.New(prefix)); got != nil {
		t.Errorf("without a push: %v", got)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := explainPush(over, req, errors.New(prefix)); got != nil {
		t.Errorf("when it was cancelled: %v", got)
	}
}
