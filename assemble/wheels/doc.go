// Package wheels finds out which wheels a platform of an image takes, fetches and checks them, and makes layers of them. What is
// known of a wheel is kept in the store, with its fragment of a layer: a wheel that is known is not fetched again.
//
// It joins the rooms of wheel with layers, and knows neither packages of Alpine nor images. It runs nothing.
package wheels
