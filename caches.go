package stowage

import "strconv"

// cacheAttrs are attributes of caches of a type that come from the environment:
// credentials, and what a GitHub workflow says of its cache service.
func (o Options) cacheAttrs(kind string) map[string]string {
	attrs := map[string]string{}
	take := func(attribute string, names ...string) {
		for _, name := range names {
			if value, _ := o.Getenv(name); value != "" && attrs[attribute] == "" {
				attrs[attribute] = value
			}
		}
	}
	switch kind {
	case "s3":
		take("access_key_id", "AWS_ACCESS_KEY_ID")
		take("secret_access_key", "AWS_SECRET_ACCESS_KEY")
		take("session_token", "AWS_SESSION_TOKEN")
	case "azblob":
		take("secret_access_key", "AZURE_STORAGE_KEY")
	case "gha":
		take("token", "ACTIONS_RUNTIME_TOKEN")
		take("url", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL")
		text, _ := o.Getenv("ACTIONS_CACHE_SERVICE_V2")
		if second, err := strconv.ParseBool(text); err == nil && second {
			take("url_v2", "ACTIONS_RESULTS_URL")
		}
	}
	return attrs
}
