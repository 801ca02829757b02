package planner

import "github.com/distribution/reference"

// imageName is what an image's name says.
type imageName struct {
	// repository is in the form that names in Dockerfiles are compared in,
	// docker.io/library written out.
	repository string
	tag        string // "" for none
	digested   bool
	err        error
}

// imageNames are names that were parsed before: large workspaces name the same
// images again and again. It is for use by one goroutine.
type imageNames map[string]imageName

func (known imageNames) parse(text string) imageName {
	if name, ok := known[text]; ok {
		return name
	}
	name := parseImageName(text)
	known[text] = name
	return name
}

func parseImageName(text string) imageName {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return imageName{repository: text, err: err}
	}
	name := imageName{repository: named.Name()}
	if tagged, ok := named.(reference.Tagged); ok {
		name.tag = tagged.Tag()
	}
	_, name.digested = named.(reference.Digested)
	return name
}
