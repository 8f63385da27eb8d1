package ingress

import (
	"bytes"
	"io"
	"net/http"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
)

// Codec opens sealed payloads for the Temporal UI and the temporal command, which have
// no keys.
type Codec struct {
	Payloads converter.PayloadCodec
	Secret   string // who shows it may read
	UIOrigin string // from which a browser may ask: https://temporal.example.com; "" for none
}

// routes are the codec's: what it opens is read, and nothing can be sealed. Who asks
// shows the secret as a bearer token, or as a part of the path, since people can set no
// header in the Temporal UI.
func (c Codec) routes(mux *http.ServeMux, measured func(string, http.HandlerFunc) http.Handler) {
	mux.Handle("POST /codec/decode", measured("codec", c.decode))
	mux.Handle("POST /codec/{secret}/decode", measured("codec", c.decode))
	mux.HandleFunc("OPTIONS /codec/", func(w http.ResponseWriter, _ *http.Request) { // before a browser shows anything
		c.allowUI(w)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (c Codec) decode(w http.ResponseWriter, r *http.Request) {
	c.allowUI(w)
	w.Header().Set("Cache-Control", "no-store")
	if !bearer(r, c.Secret) && !same(r.PathValue("secret"), c.Secret) {
		writeProblem(w, newProblem(http.StatusUnauthorized, "show SLUICE_CODEC_SECRET: as a bearer token, or as /codec/SECRET/decode"))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		writeProblem(w, badJSON(err))
		return
	}
	if protojson.Unmarshal(body, &commonpb.Payloads{}) != nil { // the SDK's handler would quote what it cannot read
		writeProblem(w, newProblem(http.StatusBadRequest, "the body is not a list of payloads as Temporal's tools send it"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	converter.NewPayloadCodecHTTPHandler(c.Payloads).ServeHTTP(w, r)
}

// allowUI lets the UI's pages, and no others, read the answer.
func (c Codec) allowUI(w http.ResponseWriter) {
	if c.UIOrigin == "" {
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", c.UIOrigin)
	h.Set("Access-Control-Allow-Methods", "POST")
	h.Set("Access-Control-Allow-Headers", "authorization, content-type, x-namespace")
	h.Set("Vary", "Origin")
}
