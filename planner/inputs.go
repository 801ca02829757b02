package planner

// InputsType is the type of the artifact that holds the Inputs, as JSON, of
// what is in an index.
const InputsType = "application/vnd.stowage.inputs.v1+json"

// Inputs is everything that decides a package's result, in canonical order.
// The same walk produces the hash, the explanation and the comparison.
type Inputs struct {
	Package string  `json:"package"`
	Hash    string  `json:"hash"`
	List    []Input `json:"inputs"`
}

// Input is one thing that decides the result.
type Input struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Through names the packages that the value was made of, for arguments and
	// archives that mention other packages.
	Through []string `json:"through,omitempty"`
}
