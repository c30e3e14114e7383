module github.com/acclient/acclient/go

go 1.23
