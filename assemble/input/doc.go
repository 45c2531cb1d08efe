// Package input opens what images are made of, from URLs, files and images, and reports to a person what is fetched.
package input
