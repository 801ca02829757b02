// Package layout is the store: an OCI image layout directory that any number
// of processes may use at once, and that is a valid layout at every instant.
//
// A Store is the planner's Catalog and the executor's Store, and its Content
// is what BuildKit exports into and reads named contexts from. It does not
// know how images are made or where else they are.
//
// On disk:
//
//	oci-layout, index.json, blobs/sha256   as the image layout specification says
//	ingest/OWNER/                          blobs being written, by one open store each
//	index.json.previous                    index.json before its last change, for when that is damaged
//	index.json.damaged                     a damaged one that was replaced, for whoever may want it
//	builds/                                a locked file for each node that is being built
//	index.lock                             held while index.json is replaced
//	gc.lock                                held while pins are noted down, and blobs removed
//
// index.json has one entry for each package reference: the package's image
// index, annotated with the full reference and the input hash.
// Others are images from elsewhere, by PutImage: their index has the digest that
// it has there, and the entry says which of its platforms are here.
//
// Blobs are written to a private file, verified, synced and renamed into
// place, so a blob with its name is whole. index.json is replaced the same
// way, after the blobs that it refers to.
//
// What an open store writes or finds is pinned: Collect, by whatever process,
// removes it only after the store was closed, or its process has died. See pins.
//
// Start at Open, then PutNode in put.go and content.go.
package layout
