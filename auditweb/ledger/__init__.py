"""What is kept of a log besides its entries: their order, their number and where their words occur."""
