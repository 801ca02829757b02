package stowage

import (
	"maps"
	"testing"
)

// TestCacheAttrs: what caches take from the environment.
func TestCacheAttrs(t *testing.T) {
	aws := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "", "AZURE_STORAGE_KEY": "azure"}
	first := map[string]string{"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_CACHE_URL": "http://one.test", "ACTIONS_RESULTS_URL": "http://two.test"}
	second := map[string]string{"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "http://two.test", "ACTIONS_CACHE_SERVICE_V2": "True"}
	for _, c := range []struct {
		kind      string
		env, want map[string]string
	}{
		{"s3", aws, map[string]string{"access_key_id": "id", "secret_access_key": "key"}},
		{"azblob", aws, map[string]string{"secret_access_key": "azure"}},
		{"gha", first, map[string]string{"token": "t", "url": "http://one.test"}},
		{"gha", second, map[string]string{"token": "t", "url": "http://two.test", "url_v2": "http://two.test"}},
		{"gha", nil, nil},
		{"registry", aws, nil},
	} {
		o := Options{Getenv: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }}
		if got := o.cacheAttrs(c.kind); !maps.Equal(got, c.want) {
			t.Errorf("%s with %v: %v, want %v", c.kind, c.env, got, c.want)
		}
	}
}
