module acclient

go 1.23
