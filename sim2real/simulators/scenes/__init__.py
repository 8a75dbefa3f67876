"""What cameras see, as data: things, lamps, cameras and a robot; scenes are built here, painters draw them."""
